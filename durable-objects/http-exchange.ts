// One request to an HTTP target and its answer: read, judged, journalled, sent with the credential, and the answer brought
// back through what hides and masks. Nothing goes to the target before its intent is durable (the object's output gate
// holds the fetch until the journal's write is confirmed).
import { nativeCrypto } from '../adapters/crypto.ts';
import { decisionRecord } from '../core/audit/decision-record.ts';
import type { HttpContent } from '../core/approval/request.ts';
import { decodeUtf8, toHex } from '../core/bytes.ts';
import { encodeBase64 } from '../core/base64.ts';
import type { Decision } from '../core/decision.ts';
import type { HttpFacts } from '../core/facts.ts';
import type { SessionCode } from '../core/failure.ts';
import type { DoorUrl } from '../core/http/door.ts';
import { httpFacts } from '../core/http/facts.ts';
import { readIncoming, type Incoming } from '../core/http/incoming.ts';
import { authorityOf } from '../core/http/mount.ts';
import { recordedHeaders, shortened } from '../core/http/record.ts';
import { failureRefusal, requestRefusal } from '../core/http/refusal.ts';
import type { HttpTarget } from '../core/policy/policy.ts';
import type { Decide } from './access.ts';
import {
  claimedTask,
  Undertaking,
  type Dialect,
  type Exchange,
  type ExchangeOptions,
} from './exchange.ts';
import { HttpAnswer } from './http-answer.ts';
import { refusalResponse, respond } from './http-response.ts';
import type { MaskedDecision } from './masked-decision.ts';
import { BodyUnread, readBody, type RequestBody } from './request-body.ts';

export const HTTP: Dialect = {
  protocol: 'http',
  exchange: (target, options) =>
    target.kind === 'http' ? new HttpExchange(target, options) : null,
  refused: async (_, decision, ticket) => refusalResponse(decision, ticket),
  ended: async (_, code, session) => respond(failureRefusal(code), session),
};

class HttpExchange implements Exchange {
  readonly #target: HttpTarget;
  readonly #options: ExchangeOptions;
  readonly #undertaking: Undertaking;

  constructor(target: HttpTarget, options: ExchangeOptions) {
    this.#target = target;
    this.#options = options;
    this.#undertaking = new Undertaking(options);
  }

  async run(request: Request, url: DoorUrl): Promise<Response> {
    try {
      return await this.#run(request, url);
    } catch (error) {
      this.#undertaking.broken(error);
      return respond(failureRefusal('internal'), this.#options.session);
    }
  }

  abort(code: SessionCode): void {
    this.#undertaking.abort(code);
  }

  async #run(request: Request, url: DoorUrl): Promise<Response> {
    const { action, session } = this.#options;
    const target = this.#target;
    const read = readIncoming(request.method, url, [...request.headers], {
      cookies: target.options.cookies,
      headers: target.options.headers,
      own: ownHeaders(target),
      encodedDelimiters: target.options.encodedDelimiters,
      credentialParameter: target.credential?.kind === 'query' ? target.credential.parameter : null,
    });
    if (!read.ok) {
      this.#refused(
        request.method,
        shortened(url.path),
        url.query === null ? null : shortened(url.query),
        read.code,
      );
      return respond(requestRefusal(read.code, read.header), session);
    }
    const incoming = read.value;
    if (incoming.webSocket && !target.options.webSocket) {
      this.#refused(incoming.method, incoming.path, incoming.query, 'protocol_refused');
      return respond(failureRefusal('protocol_refused'), session);
    }
    let body: RequestBody;
    try {
      body = await readBody(incoming.webSocket ? null : request.body, lengthOf(request.headers));
    } catch (error) {
      if (!(error instanceof BodyUnread)) throw error;
      this.#refused(incoming.method, incoming.path, incoming.query, 'client_protocol');
      return respond(failureRefusal('client_protocol'), session);
    }
    // Neither an approval nor a place is used up for what would not be sent.
    if (this.#undertaking.signal.aborted) return respond(failureRefusal('killed'), session);
    const facts = factsOf(incoming, body, target);
    const digest = body.kind === 'whole' ? toHex(nativeCrypto.sha256(body.bytes)) : null;
    const asked: Decide = {
      kind: 'decide',
      id: action,
      action: { kind: 'http', http: facts },
      refusal: null,
      unresolved: [],
      content: () => contentOf(incoming, body, digest, facts),
      lineage: () => null,
      quiet: true,
      preparing: false,
    };
    const decision = await this.#options.decide(asked, claimedTask(request.headers));
    this.#intend(incoming, body, digest, facts, decision);
    if (decision.kind !== 'allow') {
      if (body.kind === 'streamed') void body.stream.cancel();
      this.#undertaking.settle('refused', decision.kind === 'deny' ? decision.code : null, 0);
      return refusalResponse(decision, { session, origin: this.#options.origin });
    }
    return this.#send(incoming, body, decision);
  }

  async #send(
    incoming: Incoming,
    body: RequestBody,
    decision: Extract<MaskedDecision, { kind: 'allow' }>,
  ): Promise<Response> {
    const { env, session } = this.#options;
    const target = this.#target;
    const { method, path, query, headers, webSocket } = incoming;
    const sent = await this.#undertaking.send(target, {
      method,
      path,
      query,
      headers,
      body: body.kind === 'none' ? null : body.kind === 'whole' ? body.bytes : body.stream,
      length: body.kind === 'streamed' ? body.length : null,
      webSocket,
    });
    if (!sent.ok) {
      if (body.kind === 'streamed') void body.stream.cancel();
      return respond(failureRefusal(sent.code, sent.sent), session);
    }
    return new HttpAnswer({
      env,
      target,
      session,
      path,
      method,
      masking: decision.masking ?? null,
      signal: this.#undertaking.signal,
      settle: (outcome, error, bytes) => this.#undertaking.settle(outcome, error, bytes),
    }).render(sent.response);
  }

  #intend(
    { method, path, query, headers }: Incoming,
    body: RequestBody,
    digest: string | null,
    facts: HttpFacts,
    decision: Decision,
  ): void {
    this.#undertaking.intend({
      kind: 'request',
      action: this.#options.action,
      method,
      path,
      query,
      headers: recordedHeaders(headers),
      body: body.kind === 'whole' && digest !== null ? { digest, bytes: body.bytes.length } : null,
      facts,
      decision: decisionRecord(decision),
    });
  }

  /** Refused before it was judged. */
  #refused(method: string, path: string, query: string | null, error: string): void {
    const { action, revision } = this.#options;
    this.#undertaking.intend({
      kind: 'request',
      action,
      method: shortened(method),
      path,
      query,
      headers: [],
      body: null,
      facts: null,
      decision: { kind: 'deny', rules: [], code: 'request_refused', revision, observed: [] },
    });
    this.#undertaking.settle('refused', error, 0);
  }
}

/** Names of the credential's headers: never the caller's. */
function ownHeaders({ credential }: HttpTarget): readonly string[] {
  switch (credential?.kind) {
    case 'header':
      return [credential.name];
    case 'sigv4':
      return ['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'];
    default:
      return []; // Authorization never passes in any case
  }
}

function lengthOf(headers: Headers): number | null {
  const value = headers.get('content-length');
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

function factsOf(incoming: Incoming, body: RequestBody, target: HttpTarget): HttpFacts {
  return httpFacts({
    method: incoming.method,
    host: authorityOf(target),
    path: incoming.path,
    query: incoming.parameters,
    headers: incoming.headers,
    body: body.kind === 'none' ? null : body.kind === 'whole' ? body.bytes : 'unread',
    webSocket: incoming.webSocket,
    graphqlPaths: target.options.graphql,
  });
}

/** Null where the body is not wholly known: nobody can agree to it then. */
function contentOf(
  { method, path, query, headers, webSocket }: Incoming,
  body: RequestBody,
  bodyDigest: string | null,
  facts: HttpFacts,
): HttpContent | null {
  if (body.kind === 'streamed') return null;
  const shown = body.kind === 'none' ? null : shownBody(body.bytes);
  return { kind: 'http', method, path, query, headers, bodyDigest, webSocket, body: shown, facts };
}

function shownBody(bytes: Uint8Array): HttpContent['body'] {
  const text = decodeUtf8(bytes);
  return text === null ? { base64: encodeBase64(bytes) } : { text };
}
