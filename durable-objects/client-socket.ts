// The caller's WebSocket with flow control on top: byte credits for clients that speak postern.v1 (docs/tunnel.md), a
// bounded buffer for those that do not. Knows no inner protocol.
import { CREDIT_WINDOW_BYTES, MAX_UNCREDITED_BYTES } from '../core/limits.ts';
import { CLOSE, MAX_TUNNEL_MESSAGE_BYTES, decodeControl, encodeControl } from '../core/tunnel.ts';

export interface ClientListener {
  bytes(chunk: Uint8Array): void;
  closed(): void;
  /** The client can take more: a paused target may be read again. */
  drained(): void;
  /** The client broke the tunnel's own rules, or is too slow to serve. */
  broken(code: 'client_protocol' | 'client_slow', detail: string): void;
}

/** Credits are announced in steps, so that a chatty session does not pay a message per message. */
const CREDIT_STEP_BYTES = CREDIT_WINDOW_BYTES / 4;

export class ClientSocket {
  readonly #socket: WebSocket;
  readonly #credited: boolean;
  readonly #listener: ClientListener;
  #sent = 0;
  #acknowledged = 0;
  #consumed = 0;
  #announced = 0;
  #open = true;

  constructor(socket: WebSocket, credited: boolean, listener: ClientListener) {
    this.#socket = socket;
    this.#credited = credited;
    this.#listener = listener;
    socket.addEventListener('message', (event) => this.#received(event.data));
    socket.addEventListener('close', () => this.#ended());
    socket.addEventListener('error', () => this.#ended());
  }

  /** Sends and counts; false when the caller should stop reading the target until `drained`. */
  send(bytes: Uint8Array): boolean {
    if (!this.#open) return true;
    for (let at = 0; at < bytes.length; at += MAX_TUNNEL_MESSAGE_BYTES) {
      this.#socket.send(bytes.subarray(at, at + MAX_TUNNEL_MESSAGE_BYTES));
    }
    this.#sent += bytes.length;
    if (this.#credited) return this.ready;
    if (this.#sent - this.#acknowledged > MAX_UNCREDITED_BYTES) {
      this.#listener.broken('client_slow', 'more was sent than a client without credits may lag');
    }
    return true;
  }

  /** Whether more may be sent without exceeding the client's window. */
  get ready(): boolean {
    return !this.#credited || this.#sent - this.#acknowledged < CREDIT_WINDOW_BYTES;
  }

  /** Everything asked for has been answered: a client without credits must have read it to go on. */
  settled(): void {
    if (!this.#credited) this.#acknowledged = this.#sent;
  }

  /** These bytes went on towards the target; the client may send as many more. */
  consumed(length: number): void {
    this.#consumed += length;
    if (!this.#credited || !this.#open) return;
    if (this.#consumed - this.#announced >= CREDIT_STEP_BYTES) {
      this.#announced = this.#consumed;
      this.#socket.send(encodeControl({ credit: this.#consumed }));
    }
  }

  close(code: number, reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    // A close reason is at most 123 bytes (RFC 6455 section 5.5); the full sentence went by the inner protocol.
    this.#socket.close(code, reason.slice(0, 100));
  }

  #received(data: unknown): void {
    if (!this.#open) return;
    if (data instanceof ArrayBuffer) {
      this.#listener.bytes(new Uint8Array(data));
      return;
    }
    const control = this.#credited && typeof data === 'string' ? decodeControl(data) : null;
    if (control === null || control.credit > this.#sent || control.credit < this.#acknowledged) {
      this.#listener.broken('client_protocol', 'not a control message of this session');
      return;
    }
    this.#acknowledged = control.credit;
    if (this.ready) this.#listener.drained();
  }

  #ended(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#socket.close(CLOSE.ended);
    } catch {
      // The peer vanished without a close frame (1006 is how cloudflared ends): there is nothing left to close.
    }
    this.#listener.closed();
  }
}
