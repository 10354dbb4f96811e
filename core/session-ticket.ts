// What the Worker's door tells the Session object about a connection it hands over. Travels in one internal header that
// the door sets and strips from every outside request.
import type { Principal } from './identity.ts';

export const TICKET_HEADER = 'x-postern-ticket';
/** In the object's answer to the door: the session is over, and the next request needs another. Never shown outside. */
export const ENDED_HEADER = 'x-postern-ended';
/** Its value where the request was not looked at. A status would not do: targets answer 410 too, and what ran may not be sent again. */
export const UNREAD = 'unread';

/** Doors at which one request after the other comes, instead of a connection. A target's kind, and the door's path: /mcp. */
export const REQUEST_PROTOCOLS = ['http', 'mcp'] as const;
export type RequestProtocol = (typeof REQUEST_PROTOCOLS)[number];

/** Null for a protocol of connections. */
export function requestProtocol(name: string): RequestProtocol | null {
  return REQUEST_PROTOCOLS.find((protocol) => protocol === name) ?? null;
}

export interface SessionTicket {
  /** Which door it came in by: one connection's bytes, or one request after the other. */
  readonly protocol: 'postgres' | RequestProtocol;
  readonly session: string;
  readonly target: string;
  /** Verified at the door from the Authorization header; null when the protocol itself will bring the token. */
  readonly principal: Principal | null;
  /** Where the gateway is reached, for links: https://gate.acme.dev. */
  readonly origin: string;
  /** What the client gets as its cancel key: 4 bytes of process id, then the secret. Hex. */
  readonly key: string;
  readonly client: { readonly address: string; readonly country: string; readonly agent: string };
  /** The client speaks postern.v1. */
  readonly credited: boolean;
}

/** Bytes of the cancel key that name a session: what every Postgres protocol version carries (process id and 4 bytes). */
export const NAMING_KEY_BYTES = 8;
