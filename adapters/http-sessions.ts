// Which session the requests of a caller go to. An isolate remembers the session it opened for a token at a target and sends
// later requests there; another isolate opens its own. Where the session is over, the next request gets a new one.
import { claimsDigest } from '../core/audit/claims-digest.ts';
import type { Principal } from '../core/identity.ts';
import { HTTP_SESSION_REUSE_MS, MAX_REMEMBERED_SESSIONS } from '../core/limits.ts';
import { ENDED_HEADER, TICKET_HEADER, UNREAD, type SessionTicket } from '../core/session-ticket.ts';
import { nativeCrypto } from './crypto.ts';
import type { Env } from './env.ts';
import { createTicket, type TicketDraft } from './session-client.ts';

interface Remembered {
  readonly ticket: SessionTicket;
  usedAt: number;
}

/** In the order of their last use. */
const remembered = new Map<string, Remembered>();

export interface SentRequest {
  readonly response: Response;
  /** The object had ended its session before it looked at the request: another try cannot run anything twice. */
  readonly unread: boolean;
}

/** The ticket of the session that this token's requests go to now. */
export function ticketFor(
  draft: TicketDraft & { principal: Principal },
  now: number,
): SessionTicket {
  const key = sessionKey(draft);
  const known = remembered.get(key);
  remembered.delete(key);
  const fresh = known !== undefined && now - known.usedAt < HTTP_SESSION_REUSE_MS;
  const ticket = fresh ? known.ticket : createTicket(draft);
  for (const [oldest] of remembered) {
    if (remembered.size < MAX_REMEMBERED_SESSIONS) break;
    remembered.delete(oldest);
  }
  remembered.set(key, { ticket, usedAt: now });
  return ticket;
}

/** Hands the request to the ticket's session. The answer is the target's, or the gateway's own. */
export async function sendRequest(
  env: Env,
  ticket: SessionTicket & { principal: Principal },
  request: Request,
): Promise<SentRequest> {
  const headers = new Headers(request.headers);
  headers.set(TICKET_HEADER, Buffer.from(JSON.stringify(ticket)).toString('base64'));
  const handed = new Request(request, { headers, redirect: 'manual' });
  const answer = await env.SESSION.getByName(ticket.session).fetch(handed);
  if (!answer.headers.has(ENDED_HEADER)) return { response: answer, unread: false };
  remembered.delete(sessionKey(ticket));
  const response = new Response(answer.body, answer);
  response.headers.delete(ENDED_HEADER);
  return { response, unread: answer.headers.get(ENDED_HEADER) === UNREAD };
}

/** Whatever a session is judged by besides the policy: what differs in any of it is another session's. */
function sessionKey({
  protocol,
  target,
  principal,
  client,
}: Omit<TicketDraft, 'principal'> & { readonly principal: Principal }): string {
  const { id, kind, groups, expiresAtMs } = principal;
  const claims = claimsDigest(principal, nativeCrypto);
  const { country, agent } = client;
  return JSON.stringify([protocol, target, id, kind, groups, expiresAtMs, claims, country, agent]);
}
