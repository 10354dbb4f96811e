// What a server says, message by message: which of it the caller gets, and in which form. Answers to the caller's own request
// and a few notifications pass; what the server asks of the client (sampling, elicitation, roots) and answers to anything else
// are dropped. Every message is parsed and written anew.
import type { McpOptions } from '../policy/policy.ts';
import { isObject, type JsonObject, type RpcId } from './message.ts';

export type Passed =
  /** `message`: to be masked and sent. */
  | { readonly kind: 'notification'; readonly message: JsonObject }
  | {
      readonly kind: 'answer';
      readonly message: JsonObject;
      /** What the journal says of it: the error's number, or that the tool reports one; null where it succeeded. */
      readonly error: string | null;
    }
  | { readonly kind: 'dropped'; readonly why: 'request' | 'foreign' | 'malformed' };

const NOTIFICATIONS: ReadonlySet<string> = new Set([
  'notifications/progress',
  'notifications/message',
  'notifications/tools/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/prompts/list_changed',
]);
export const TOOLS_CHANGED = 'notifications/tools/list_changed';
/** Of a server's abilities, those that lead through the gateway. */
const CAPABILITIES = ['completions', 'logging', 'tools'];

export function passed(
  value: unknown,
  asked: { readonly id: RpcId | null; readonly method: string },
  options: McpOptions,
): Passed {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return { kind: 'dropped', why: 'malformed' };
  const { id, method, params, result, error } = value;
  if (typeof method === 'string') {
    if (Object.hasOwn(value, 'id')) return { kind: 'dropped', why: 'request' };
    if (!NOTIFICATIONS.has(method)) return { kind: 'dropped', why: 'foreign' };
    const more = isObject(params) ? { params } : {};
    return { kind: 'notification', message: { jsonrpc: '2.0', method, ...more } };
  }
  if (asked.id === null || id !== asked.id) {
    // An error before the server has read the id has none; in a JSON answer it can only be about this request.
    if (!(id === null && isObject(error))) return { kind: 'dropped', why: 'foreign' };
  }
  if (isObject(error) && Number.isSafeInteger(error['code'])) {
    const { message, data } = error;
    const code = Number(error['code']);
    const text = typeof message === 'string' ? message : '';
    const kept = { code, message: text, ...(data === undefined ? {} : { data }) };
    return {
      kind: 'answer',
      message: { jsonrpc: '2.0', id: asked.id, error: kept },
      error: `rpc ${code}`,
    };
  }
  if (!isObject(result)) return { kind: 'dropped', why: 'malformed' };
  // 2026-07-28: the server wants input of the client before it goes on.
  if (result['resultType'] === 'input_required') return { kind: 'dropped', why: 'request' };
  const failed = asked.method === 'tools/call' && result['isError'] === true;
  return {
    kind: 'answer',
    message: { jsonrpc: '2.0', id: asked.id, result: narrowed(result, asked.method, options) },
    error: failed ? 'tool_error' : null,
  };
}

/** What a server says it can do is what leads through the gateway. */
function narrowed(result: JsonObject, method: string, options: McpOptions): JsonObject {
  const { capabilities } = result;
  if (!['initialize', 'server/discover'].includes(method) || !isObject(capabilities)) return result;
  const kept = [
    ...CAPABILITIES,
    ...(options.resources ? ['resources'] : []),
    ...(options.prompts ? ['prompts'] : []),
  ];
  const entries = Object.entries(capabilities).filter(([name]) => kept.includes(name));
  return { ...result, capabilities: Object.fromEntries(entries) };
}

declare global {
  interface JSON {
    /** ECMAScript proposal JSON.parse source text access, in V8 since 11.4. */
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
  }
}

/**
 * JSON.parse that keeps numbers to the letter for JSON.stringify. @throws SyntaxError
 * @see https://github.com/tc39/proposal-json-parse-with-source
 */
export function parseExact(text: string): unknown {
  const keep = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
      ? JSON.rawJSON(context.source)
      : value;
  return JSON.parse(text, keep);
}
