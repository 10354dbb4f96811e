// The methods of MCP that reach a server behind the gateway, and what each may carry. Everything else is refused: a method
// that is not known here may do anything.
// @see https://modelcontextprotocol.io/specification/2025-11-25

export interface Method {
  /** It does nothing that a rule would be about: allowed wherever some rule opens the target to the caller. */
  readonly harmless: boolean;
  readonly notification: boolean;
  /** Members of `params` besides `_meta`. Any other refuses the message. */
  readonly params: readonly string[];
}

const method = (harmless: boolean, ...params: string[]): Method => ({
  harmless,
  notification: false,
  params,
});
const notification = (...params: string[]): Method => ({
  harmless: true,
  notification: true,
  params,
});

const METHODS: ReadonlyMap<string, Method> = new Map([
  ['initialize', method(true, 'protocolVersion', 'capabilities', 'clientInfo')],
  ['server/discover', method(true)], // the handshake of 2026-07-28
  ['ping', method(true)],
  ['notifications/initialized', notification()],
  ['notifications/cancelled', notification('requestId', 'reason')],
  ['logging/setLevel', method(true, 'level')],
  // The gateway answers with all pages, and gives out no cursor.
  ['tools/list', method(true)],
  ['resources/list', method(true, 'cursor')],
  ['resources/templates/list', method(true, 'cursor')],
  ['prompts/list', method(true, 'cursor')],
  ['tools/call', method(false, 'name', 'arguments')],
  ['resources/read', method(false, 'uri')],
  ['resources/subscribe', method(false, 'uri')],
  ['prompts/get', method(false, 'name', 'arguments')],
  ['completion/complete', method(false, 'ref', 'argument', 'context')],
]);

/** DELETE on the endpoint, which is no message: the name by which rules and records know it. */
export const SESSION_END = 'session/end';

/** Null: it never passes. */
export function knownMethod(name: string): Method | null {
  return METHODS.get(name) ?? null;
}

export function isHarmless(name: string): boolean {
  return name === SESSION_END || METHODS.get(name)?.harmless === true;
}

/** Revisions that are spoken with a server behind the gateway. The last one has no handshake and repeats itself in headers. */
export const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;
export const HEADER_REVISION = '2026-07-28';
