// What the command line and the gateway must agree on (docs/tunnel.md): binary messages carry the inner protocol's bytes,
// text messages carry control. WebSockets have no back-pressure in workerd, so each side credits the bytes it has consumed.

/** WebSocket subprotocol. A client that does not offer it (Neon's driver, cloudflared) gets no credits and a bounded buffer. */
export const TUNNEL_PROTOCOL = 'postern.v1';

/** Largest binary message either side sends. */
export const MAX_TUNNEL_MESSAGE_BYTES = 64 * 1024;

/** Close codes of our own, in the range RFC 6455 leaves to applications. The reason is one sentence for a human. */
export const CLOSE = {
  ended: 1000,
  refused: 4001,
  unauthorized: 4003,
  targetUnreachable: 4010,
  protocol: 4020,
  slow: 4021,
  revoked: 4030,
  internal: 4500,
} as const;

/** `credit` is the running total of bytes the sender of this message has consumed. */
export type TunnelControl = { readonly credit: number };

export function encodeControl(control: TunnelControl): string {
  return `{"credit":${control.credit}}`;
}

/** Null for anything that is not a control message: the receiver then closes with CLOSE.protocol. */
export function decodeControl(text: string): TunnelControl | null {
  const match = /^\{"credit":(\d{1,15})\}$/.exec(text);
  return match ? { credit: Number(match[1]) } : null;
}
