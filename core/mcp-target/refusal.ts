// Refusals in the words of MCP: a refused call of a tool is a result that a model reads and can act on, everything else a
// JSON-RPC error. What was refused, by which rule, what would be allowed, what to do next; never a value or an internal error.
import { visibleLine } from '../approval/message.ts';
import type { Decision, Denial } from '../decision.ts';
import type { SessionCode } from '../failure.ts';
import { failureRefusal, type Answer } from '../http/refusal.ts';
import type { HeaderProblem } from './headers.ts';
import type { MessageCode, RpcId } from './message.ts';

/** Refused before any rule was asked. */
export type CallCode =
  | MessageCode
  | HeaderProblem
  | 'mcp_path'
  | 'mcp_http_method'
  | 'mcp_content_type'
  | 'mcp_too_large'
  | 'mcp_body'
  | 'mcp_session' // an id that was not given to this caller
  | 'mcp_session_key' // the deployment has no key to give ids with
  | 'mcp_tool_unlisted'
  | 'mcp_tool_changed'
  | 'mcp_tool_unknown' // the definition that the policy names cannot be compared: the server does not say what it has
  | 'mcp_arguments_invalid'
  | 'mcp_resources_disabled'
  | 'mcp_prompts_disabled';

/** What an answer is to. */
export interface Asked {
  readonly id: RpcId | null;
  readonly method: string;
}

interface Wording {
  readonly status: number;
  readonly rpc: number;
  readonly message: string;
  readonly next: string;
}

const INVALID_REQUEST = -32_600;
const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMS = -32_602;
const PARSE_ERROR = -32_700;
const HEADER_MISMATCH = -32_020; // SEP-2243
const REFUSED = -32_000;
const TELL = 'Do not repeat it unchanged; tell the person you work for what was refused.';
const ONE_READING = 'Send JSON that has one reading: no key twice, long numbers as strings.';

const bad = (rpc: number, message: string, next: string, status = 400): Wording => ({
  status,
  rpc,
  message,
  next,
});

const WORDINGS: Readonly<Record<CallCode, Wording>> = {
  mcp_message: bad(INVALID_REQUEST, 'This is no JSON-RPC request or notification.', ''),
  mcp_batch: bad(INVALID_REQUEST, 'Batches are refused.', 'Send one message at a time.'),
  mcp_json_unparsable: bad(PARSE_ERROR, 'The body is no JSON.', ''),
  mcp_json_text: bad(PARSE_ERROR, 'The body holds characters that cannot be read.', ''),
  mcp_json_duplicate_key: bad(INVALID_REQUEST, 'A key comes twice in one object.', ONE_READING),
  mcp_json_number: bad(INVALID_REQUEST, 'A number has more digits than are kept.', ONE_READING),
  mcp_json_key: bad(INVALID_REQUEST, 'A key is __proto__.', ONE_READING),
  mcp_json_too_deep: bad(INVALID_REQUEST, 'The JSON is nested too deeply.', ''),
  mcp_method: bad(METHOD_NOT_FOUND, 'This method does not lead through the gateway.', TELL, 200),
  mcp_params: bad(INVALID_PARAMS, 'The parameters are not those that this method has.', TELL, 200),
  mcp_header_repeated: bad(HEADER_MISMATCH, 'A header is there twice that counts once.', ''),
  mcp_header_mismatch: bad(HEADER_MISMATCH, 'Headers and body do not say the same.', ''),
  mcp_revision: bad(-32_022, 'This protocol revision is not spoken.', ''),
  mcp_resumption: bad(INVALID_REQUEST, 'Streams cannot be resumed.', 'Leave Last-Event-ID out.'),
  mcp_path: bad(INVALID_REQUEST, 'There is nothing below the endpoint.', '', 404),
  mcp_http_method: bad(REFUSED, 'Only POST, and DELETE for a session.', '', 405),
  mcp_content_type: bad(REFUSED, 'Content-Type must be application/json.', '', 415),
  mcp_too_large: bad(INVALID_REQUEST, 'The message is larger than can be judged.', TELL, 413),
  mcp_body: bad(PARSE_ERROR, 'The body did not come as it was announced.', ''),
  mcp_session: bad(-32_001, 'There is no such session.', 'Initialize a new one.', 404),
  mcp_session_key: bad(
    REFUSED,
    'The gateway has no key to give out sessions with.',
    'Its operator sets the secret POSTERN_MASK_KEY.',
    503,
  ),
  mcp_tool_unlisted: bad(
    INVALID_PARAMS,
    'There is no such tool: the policy does not name it.',
    'Use a tool that tools/list gives you.',
    200,
  ),
  mcp_tool_changed: bad(
    INVALID_PARAMS,
    'The tool is not the one that the policy means: its definition has changed, or it is gone.',
    'Somebody has to look at the new definition; tell the person you work for.',
    200,
  ),
  mcp_tool_unknown: bad(
    REFUSED,
    'Whether the tool is the one that the policy means cannot be told now.',
    'Try again in a few seconds; stop after three times.',
    200,
  ),
  mcp_arguments_invalid: bad(
    INVALID_PARAMS,
    'The arguments are not what the tool takes.',
    'Correct the arguments by its inputSchema.',
    200,
  ),
  mcp_resources_disabled: bad(METHOD_NOT_FOUND, 'Resources are not enabled here.', TELL, 200),
  mcp_prompts_disabled: bad(METHOD_NOT_FOUND, 'Prompts are not enabled here.', TELL, 200),
};

/** `detail`: a sentence more, about the caller's own words. */
export function callRefusal(asked: Asked, code: CallCode, detail = ''): Answer {
  const { status, rpc, message, next } = WORDINGS[code];
  const sentence = detail === '' ? message : `${message} ${detail}`;
  return said(asked, { status, rpc, code, message: `${sentence} Nothing was sent.`, next });
}

export function denialAnswer(asked: Asked, { code, rule, message, hint, ...more }: Denial): Answer {
  const retry = more.retryAfterSeconds ?? null;
  return said(asked, {
    status: 200,
    rpc: REFUSED,
    code,
    rule,
    message: message.endsWith('.') ? message : `${message}.`,
    hint,
    next: nextStep(code, retry),
    ...(retry === null ? {} : { retryAfterSeconds: retry }),
  });
}

/** People are asked, and nobody waits for them here. */
export function pendingAnswer(asked: Asked, { pending }: Denial, origin: string): Answer | null {
  if (pending === undefined) return null;
  const link = `${origin}/approvals/${pending.id}`;
  return said(asked, {
    status: 200,
    rpc: REFUSED,
    code: 'approval_pending',
    message: 'People have to approve this first. Nothing was sent.',
    next: `Show this link to the person you work for: ${link} . When it is approved, send the very same request again: it runs once. Until then the same request is answered like this, and asks nobody twice.`,
    approval: pending.id,
    link,
    rules: pending.rules,
    expiresAt: new Date(pending.expiresAtMs).toISOString(),
  });
}

export function decisionAnswer(
  asked: Asked,
  decision: Exclude<Decision, { kind: 'allow' }>,
  origin: string,
): Answer {
  if (decision.kind === 'approve') return failureAnswer(asked, 'internal');
  return pendingAnswer(asked, decision, origin) ?? denialAnswer(asked, decision);
}

/** `sent` as in core/http/refusal.ts. */
export function failureAnswer(
  asked: Asked,
  code: SessionCode,
  sent: boolean | null = null,
): Answer {
  const { status, body } = failureRefusal(code, sent);
  const { detail, hint = '' } = JSON.parse(body) as { detail: string; hint?: string };
  const next =
    sent === true
      ? 'Do NOT send it again. Look with a read whether it took effect, and tell the person you work for.'
      : hint;
  // A client gets another token on 401; everything else is about this one call.
  return said(asked, {
    status: status === 401 ? 401 : 200,
    rpc: REFUSED,
    code,
    message: detail,
    next,
  });
}

/** The server has answered, and the answer cannot be held to the masks that are in force. */
export function withheldAnswer(asked: Asked, why: string): Answer {
  return said(asked, {
    status: 200,
    rpc: REFUSED,
    code: 'mask_body',
    message: `The answer is withheld: something in it is masked for you, and it cannot be. ${why} The server has acted on the request.`,
    next: 'Do not send it again. Ask for less, or for structured content.',
  });
}

interface Said {
  readonly status: number;
  readonly rpc: number;
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly rule?: string | null;
  readonly hint?: string;
}

function said({ id, method }: Asked, what: Said & Readonly<Record<string, unknown>>): Answer {
  const { status, rpc, code, message, next, rule = null, hint = '', ...more } = what;
  const named = rule === null ? {} : { rule };
  if (method === 'tools/call' && id !== null && status === 200) {
    const by = rule === null ? '' : `, rule ${visibleLine(rule)}`;
    const lines = [
      `${visibleLine(message)} (code ${code}${by})`,
      ...(hint === '' ? [] : [`Hint: ${visibleLine(hint)}`]),
      ...(next === '' ? [] : [`Next: ${visibleLine(next)}`]),
    ];
    const result = {
      content: [{ type: 'text', text: `Postern: ${lines.join('\n')}` }],
      isError: true,
      _meta: { 'postern/refusal': { code, ...named, ...more } },
    };
    return rpcAnswer(200, { jsonrpc: '2.0', id, result });
  }
  const data = {
    code,
    ...named,
    ...(hint === '' ? {} : { hint }),
    ...(next === '' ? {} : { next }),
    ...more,
  };
  return rpcAnswer(status, { jsonrpc: '2.0', id, error: { code: rpc, message, data } });
}

export function rpcAnswer(status: number, message: unknown): Answer {
  return {
    status,
    headers: [
      ['content-type', 'application/json'],
      ['cache-control', 'no-store'],
    ],
    body: JSON.stringify(message),
  };
}

function nextStep(code: string, seconds: number | null): string {
  switch (code) {
    case 'no_rule':
      return 'Nothing in the policy allows this to you. Ask for less, or tell the person you work for that a rule is missing.';
    case 'rule':
      return 'A rule forbids this. Do not rephrase it to get around the rule; do what the hint allows, or tell the person you work for.';
    case 'approval_denied':
      return 'Do not ask for the same again unless something has changed; tell the person you work for, with the reason.';
    case 'approval_too_many':
      return 'Wait, and send fewer requests at a time.';
    case 'limit_exceeded':
      return `${seconds === null ? 'Wait' : `Wait ${seconds} seconds`}, then send the same again, once; do not try in a loop.`;
    default:
      return TELL;
  }
}
