// One message to an MCP server and its answer: read and written anew, held to the tools that the policy names and to their
// schemas, judged, journalled and sent with the credential. What comes back is mcp-answer.ts's.
import { nativeCrypto } from '../adapters/crypto.ts';
import { upstream } from '../adapters/http-upstream.ts';
import { checkArguments } from '../adapters/json-schema.ts';
import { maskKey } from '../adapters/mask-key.ts';
import { decisionRecord } from '../core/audit/decision-record.ts';
import { utf8 } from '../core/bytes.ts';
import type { McpFacts } from '../core/facts.ts';
import type { SessionCode } from '../core/failure.ts';
import type { DoorUrl } from '../core/http/door.ts';
import { parseContentType } from '../core/http/content-type.ts';
import { shortened } from '../core/http/record.ts';
import type { Answer } from '../core/http/refusal.ts';
import { enabledDefinitions, type Definition } from '../core/mcp-target/definition.ts';
import { readHeaders, sentHeaders } from '../core/mcp-target/headers.ts';
import { readMessage, type Message } from '../core/mcp-target/message.ts';
import { SESSION_END } from '../core/mcp-target/methods.ts';
import {
  callRefusal,
  decisionAnswer,
  failureAnswer,
  type Asked,
  type CallCode,
} from '../core/mcp-target/refusal.ts';
import { openedId, sealedId, type SealOptions } from '../core/mcp-target/session-id.ts';
import type { McpTarget } from '../core/policy/policy.ts';
import type { Decide } from './access.ts';
import {
  claimedTask,
  Undertaking,
  type Dialect,
  type Exchange,
  type ExchangeOptions,
} from './exchange.ts';
import { respond } from './http-response.ts';
import type { MaskedDecision } from './masked-decision.ts';
import { McpAnswer } from './mcp-answer.ts';
import {
  endpointOrigin,
  endpointPath,
  forgetTools,
  toolsOf,
  type Send,
  type Voice,
} from './mcp-tools.ts';
import { BodyUnread, readBody } from './request-body.ts';

export const MCP: Dialect = {
  protocol: 'mcp',
  exchange: (target, options) => (target.kind === 'mcp' ? new McpExchange(target, options) : null),
  refused: async (request, decision, { session, origin }) =>
    respond(decisionAnswer(await askedIn(request), decision, origin), session),
  ended: async (request, code, session) =>
    respond(failureAnswer(await askedIn(request), code), session),
};

const NOTHING: Asked = { id: null, method: '' };

/** Of a request that will not be looked at further. */
async function askedIn(request: Request): Promise<Asked> {
  try {
    const body = await readBody(request.body, null);
    if (body.kind !== 'whole') return NOTHING;
    const read = readMessage(body.bytes);
    return read.ok ? read.value : read;
  } catch (error) {
    if (error instanceof BodyUnread) return NOTHING;
    throw error;
  }
}

/** What of the target is asked for, with the tool's definition where it is one. */
interface Call {
  readonly asked: Asked;
  readonly facts: McpFacts;
  /** Canonical JSON, for approvals. */
  readonly effect: string;
  readonly definition: Definition | null;
}

class McpExchange implements Exchange {
  readonly #target: McpTarget;
  readonly #options: ExchangeOptions;
  readonly #undertaking: Undertaking;

  constructor(target: McpTarget, options: ExchangeOptions) {
    this.#target = target;
    this.#options = options;
    this.#undertaking = new Undertaking(options);
  }

  async run(request: Request, url: DoorUrl): Promise<Response> {
    try {
      return await this.#run(request, url);
    } catch (error) {
      this.#undertaking.broken(error);
      return this.#respond(failureAnswer(NOTHING, 'internal'));
    }
  }

  abort(code: SessionCode): void {
    this.#undertaking.abort(code);
  }

  async #run(request: Request, url: DoorUrl): Promise<Response> {
    const { method, headers } = request;
    if ((url.path !== '' && url.path !== '/') || url.query !== null) {
      return this.#refuse(NOTHING, 'mcp_path');
    }
    if (method === 'DELETE') return this.#delete(request);
    if (method !== 'POST') return this.#refuse(NOTHING, 'mcp_http_method');
    const type = parseContentType(headers.get('content-type') ?? '');
    const charset = type?.parameters['charset']?.toLowerCase() ?? 'utf-8';
    const encoded = headers.has('content-encoding');
    if (type?.essence !== 'application/json' || charset !== 'utf-8' || encoded) {
      return this.#refuse(NOTHING, 'mcp_content_type');
    }
    const read = await this.#message(request);
    if ('code' in read) return this.#refuse(read.asked, read.code);
    const { message } = read;
    const own = readHeaders([...headers], message);
    if (!own.ok) return this.#refuse(message, own.code);
    const seal = this.#seal();
    const session =
      own.session === null || seal === null ? null : openedId(own.session, seal, nativeCrypto);
    // No such session, as far as this caller is concerned: its clients know that they have to begin anew.
    if (own.session !== null && (session === null || message.method === 'initialize')) {
      return this.#refuse(message, 'mcp_session');
    }
    const voice = { principal: this.#options.principal, revision: own.revision, session };
    const disabled = disabledIn(message, this.#target);
    if (disabled !== null) return this.#refuse(message, disabled, '', message.facts);
    const call = await this.#call(message, voice);
    if ('code' in call) return this.#refuse(message, call.code, call.why, message.facts);
    const decision = await this.#decide(call, claimedTask(headers));
    if (decision.kind !== 'allow') {
      return this.#respond(decisionAnswer(message, decision, this.#options.origin));
    }
    return this.#send(message, call, voice, decision);
  }

  async #message(
    request: Request,
  ): Promise<{ readonly message: Message } | { readonly code: CallCode; readonly asked: Asked }> {
    let body;
    try {
      body = await readBody(request.body, null);
    } catch (error) {
      if (!(error instanceof BodyUnread)) throw error;
      return { code: 'mcp_body', asked: NOTHING };
    }
    if (body.kind === 'none') return { code: 'mcp_message', asked: NOTHING };
    if (body.kind === 'streamed') {
      void body.stream.cancel();
      return { code: 'mcp_too_large', asked: NOTHING };
    }
    const read = readMessage(body.bytes);
    return read.ok ? { message: read.value } : { code: read.code, asked: read };
  }

  /** Held to the policy's list, to the definition it names, and to the tool's own schema. */
  async #call(
    message: Message,
    voice: Voice,
  ): Promise<Call | { readonly code: CallCode; readonly why: string }> {
    const { facts, effect } = message;
    const plain = { asked: message, facts, effect, definition: null };
    if (facts.tool === '') return plain;
    const named = this.#target.mcp.tools.get(facts.tool);
    if (named === undefined) return { code: 'mcp_tool_unlisted', why: '' };
    const all = await toolsOf(this.#target, voice, false, this.#aside);
    const known = enabledDefinitions(all ?? [], this.#target.mcp);
    const definition = known.find(({ name }) => name === facts.tool) ?? null;
    const listed = all?.some(({ name }) => name === facts.tool) === true;
    if (definition === null && (named.definition !== null || listed)) {
      return { code: all === null ? 'mcp_tool_unknown' : 'mcp_tool_changed', why: '' };
    }
    const doubtful = (word: string): Call => ({
      ...plain,
      definition,
      facts: { ...facts, opaque: [word] },
    });
    if (definition === null) return doubtful('definition_unknown');
    const checked = checkArguments(definition.shown['inputSchema'] ?? null, facts.arguments);
    if (checked.kind === 'invalid') return { code: 'mcp_arguments_invalid', why: checked.why };
    return checked.kind === 'valid' ? { ...plain, definition } : doubtful('schema_unreadable');
  }

  /** Judged and recorded. */
  async #decide(call: Call, claimed: string): Promise<MaskedDecision> {
    const { asked, facts, effect } = call;
    const definition = call.definition?.digest ?? null;
    const { method } = asked;
    const question: Decide = {
      kind: 'decide',
      id: this.#options.action,
      action: { kind: 'mcp', mcp: facts },
      refusal: null,
      unresolved: [],
      content: () => ({ kind: 'mcp', method, params: effect, definition, facts }),
      lineage: () => null,
      quiet: true,
      preparing: false,
    };
    const decision = await this.#options.decide(question, claimed);
    this.#undertaking.intend({
      kind: 'call',
      action: this.#options.action,
      method,
      facts,
      definition,
      decision: decisionRecord(decision),
    });
    if (decision.kind !== 'allow') {
      this.#undertaking.settle('refused', decision.kind === 'deny' ? decision.code : null, 0);
    }
    return decision;
  }

  async #send(
    message: Message,
    call: Call,
    voice: Voice,
    decision: Extract<MaskedDecision, { kind: 'allow' }>,
  ): Promise<Response> {
    const { env, session } = this.#options;
    const { id, method, params } = message;
    const target = this.#target;
    const answer = new McpAnswer({
      env,
      target,
      session,
      asked: message,
      masking: decision.masking ?? null,
      sealed: (own) => {
        const seal = this.#seal();
        return seal === null ? null : sealedId(own, seal, nativeCrypto);
      },
      toolsChanged: () => forgetTools(target, voice),
      settle: (outcome, error, bytes) => this.#undertaking.settle(outcome, error, bytes),
    });
    if (method === 'tools/list') {
      const all = await toolsOf(target, voice, true, this.#aside);
      if (all === null) {
        this.#undertaking.settle('failed', 'target_protocol', 0);
        return this.#respond(failureAnswer(message, 'target_protocol', null));
      }
      return answer.own({ tools: enabledDefinitions(all, target.mcp).map(({ shown }) => shown) });
    }
    if (method === 'notifications/cancelled' && voice.session === null) {
      // Without a session nobody can tell whose request it is; whoever closes its stream has cancelled it.
      this.#undertaking.settle('succeeded', null, 0);
      return this.#respond({ status: 202, headers: [], body: '' });
    }
    const schema = call.definition?.shown['inputSchema'] ?? null;
    const body = { jsonrpc: '2.0', ...(id === null ? {} : { id }), method, params };
    const sent = await this.#undertaking.send(endpointOrigin(target), {
      method: 'POST',
      path: endpointPath(target),
      query: null,
      headers: sentHeaders(message, voice, schema),
      body: utf8(JSON.stringify(body)),
      length: null,
      webSocket: false,
    });
    if (!sent.ok) return this.#respond(failureAnswer(message, sent.code, sent.sent));
    if (sent.response.status === 404 && voice.session !== null) {
      void sent.response.body?.cancel();
      this.#undertaking.settle('failed', '404', 0);
      return this.#respond(callRefusal(message, 'mcp_session'));
    }
    return answer.render(sent.response);
  }

  /** Ends the session at the server, where it is the caller's. */
  async #delete({ headers }: Request): Promise<Response> {
    const own = readHeaders([...headers], null);
    if (!own.ok) return this.#refuse(NOTHING, own.code);
    const seal = this.#seal();
    const session =
      own.session === null || seal === null ? null : openedId(own.session, seal, nativeCrypto);
    if (session === null) return this.#refuse(NOTHING, 'mcp_session');
    const method = SESSION_END;
    const asked = { id: null, method };
    const facts = { method, tool: '', arguments: {}, resource: '', prompt: '', opaque: [] };
    const decision = await this.#decide({ asked, facts, effect: '{}', definition: null }, '');
    if (decision.kind !== 'allow') {
      return this.#respond(decisionAnswer(asked, decision, this.#options.origin));
    }
    const sent = await this.#undertaking.send(endpointOrigin(this.#target), {
      method: 'DELETE',
      path: endpointPath(this.#target),
      query: null,
      headers: [
        ['accept-encoding', 'identity'],
        ['mcp-session-id', session],
        ...(own.revision === null ? [] : [['mcp-protocol-version', own.revision] as const]),
      ],
      body: null,
      length: null,
      webSocket: false,
    });
    if (!sent.ok) return this.#respond(failureAnswer(asked, sent.code, sent.sent));
    const { status, body } = sent.response;
    void body?.cancel();
    const error = status >= 400 ? String(status) : null;
    this.#undertaking.settle(error === null ? 'succeeded' : 'failed', error, 0);
    return this.#respond({ status: error === null ? 204 : 405, headers: [], body: '' });
  }

  /** What the gateway asks for itself; no action of the caller's. */
  readonly #aside: Send = async (request) =>
    upstream(this.#options.env, endpointOrigin(this.#target), {
      ...request,
      signal: this.#undertaking.signal,
    });

  #seal(): SealOptions | null {
    const { env, principal } = this.#options;
    const target = this.#target.id;
    const key = maskKey(env, target);
    return key === null ? null : { key, principal, target };
  }

  /** Refused before it was judged. */
  #refuse(asked: Asked, code: CallCode, why = '', facts: McpFacts | null = null): Response {
    const { action, revision } = this.#options;
    this.#undertaking.intend({
      kind: 'call',
      action,
      method: shortened(asked.method),
      facts,
      definition: null,
      decision: { kind: 'deny', rules: [], code: 'request_refused', revision, observed: [] },
    });
    this.#undertaking.settle('refused', code, 0);
    return this.#respond(callRefusal(asked, code, why));
  }

  #respond(answer: Answer): Response {
    return respond(answer, this.#options.session);
  }
}

/** Whole areas that the policy has not opened. */
function disabledIn({ method, facts }: Message, { mcp }: McpTarget): CallCode | null {
  if (!mcp.resources && (facts.resource !== '' || method.startsWith('resources/'))) {
    return 'mcp_resources_disabled';
  }
  if (!mcp.prompts && (facts.prompt !== '' || method.startsWith('prompts/'))) {
    return 'mcp_prompts_disabled';
  }
  return null;
}
