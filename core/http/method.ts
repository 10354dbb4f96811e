// The request method. Methods are case-sensitive (RFC 9110 section 9.1), and servers that fold them are why a rule about
// DELETE must never meet a `delete`.

export type MethodCode = 'method_refused' | 'method_malformed';

/** CONNECT opens tunnels, TRACE and TRACK echo headers: fetch forbids all three (Fetch, "forbidden method"). */
const REFUSED: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Null for a method that may be judged. */
export function methodCode(method: string): MethodCode | null {
  if (!/^[A-Z][A-Z0-9-]{0,31}$/.test(method)) return 'method_malformed';
  return REFUSED.has(method) ? 'method_refused' : null;
}
