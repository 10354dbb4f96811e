// A connection of the gateway's own to a Session object, for callers who speak HTTP: the same ticket, the same WebSocket and
// the same engine that psql comes to. Nothing is decided here.
import { TICKET_HEADER, type SessionTicket } from '../core/session-ticket.ts';
import { decodeControl, encodeControl, MAX_TUNNEL_MESSAGE_BYTES } from '../core/tunnel.ts';
import type { Env } from './env.ts';
import { createCancelKey, sessionName } from './session-name.ts';

export type TicketDraft = Omit<SessionTicket, 'session' | 'key'>;

/** A ticket for a session of its own, under a fresh key. */
export function createTicket(draft: TicketDraft): SessionTicket {
  const key = createCancelKey();
  const session = sessionName(draft.target, key);
  return { ...draft, session, key: Buffer.from(key).toString('hex') };
}

/** Hands the ticket to its Session object; the answer is 101 with a WebSocket, or a status of the object's. */
export async function enterSession(env: Env, ticket: SessionTicket): Promise<Response> {
  const headers = new Headers({ upgrade: 'websocket' });
  headers.set(TICKET_HEADER, Buffer.from(JSON.stringify(ticket)).toString('base64'));
  return env.SESSION.getByName(ticket.session).fetch(new Request('https://session/', { headers }));
}

export interface SessionListener {
  bytes(chunk: Uint8Array): void;
  /** Once, whoever ended it. */
  closed(): void;
}

/** Received bytes are credited in steps, as docs/tunnel.md has it. */
const CREDIT_STEP_BYTES = 128 * 1024;

export class SessionClient {
  readonly #socket: WebSocket;
  readonly #listener: SessionListener;
  #received = 0;
  #credited = 0;
  #open = true;

  /** `socket` is not yet accepted. Messages are heard from the next turn on. */
  constructor(socket: WebSocket, listener: SessionListener) {
    this.#socket = socket;
    this.#listener = listener;
    socket.binaryType = 'arraybuffer';
    socket.accept();
    socket.addEventListener('message', (event) => this.#message(event.data));
    socket.addEventListener('close', () => this.#ended());
    socket.addEventListener('error', () => this.#ended());
  }

  send(bytes: Uint8Array): void {
    for (let at = 0; this.#open && at < bytes.length; at += MAX_TUNNEL_MESSAGE_BYTES) {
      this.#socket.send(bytes.subarray(at, at + MAX_TUNNEL_MESSAGE_BYTES));
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#socket.close(1000);
    this.#ended();
  }

  #message(data: unknown): void {
    if (!this.#open) return;
    if (!(data instanceof ArrayBuffer)) {
      // Credits for what we send: one statement fits any window.
      if (typeof data !== 'string' || decodeControl(data) === null) this.close();
      return;
    }
    this.#received += data.byteLength;
    this.#listener.bytes(new Uint8Array(data));
    if (!this.#open || this.#received - this.#credited < CREDIT_STEP_BYTES) return;
    this.#credited = this.#received;
    this.#socket.send(encodeControl({ credit: this.#received }));
  }

  #ended(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#listener.closed();
  }
}
