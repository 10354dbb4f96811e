// A Cloudflare Tunnel as a byte connection: one WebSocket, binary messages. cloudflared truncates messages over 16,384
// bytes without a word and never sends a close frame, so sends are cut and code 1006 is an ordinary end.
// WebSockets have no back-pressure of their own: what the target sends while nobody reads waits here. A Durable Object
// can still slow the sender down: while its input gate is shut the runtime reads no further message, and the tunnel's
// TCP window fills. The gate also holds back the caller's credits, so it is shut in short slices that grow with the
// backlog, never for good. Past a bound the connection is given up.
import type { Connection } from './connection.ts';
import { DialFailure } from './dial-failure.ts';

/** Shuts the object's input gate for so many milliseconds (DurableObjectState.blockConcurrencyWhile). */
export type HoldInput = (milliseconds: number) => Promise<void>;

/** Backlog from which the sender is slowed down, and the bytes that add one millisecond to a slice. */
const SLOW_DOWN_BYTES = 2 * 1024 * 1024;
const BYTES_PER_HELD_MS = 64 * 1024;

/** Bytes that may wait for a reader before the connection is given up; an isolate has 128 MB. */
const MAX_WAITING_BYTES = 48 * 1024 * 1024;

export async function tunnelConnection(
  url: string,
  access: { readonly id: string; readonly secret: string } | null,
  maxFrameBytes: number,
  hold: HoldInput,
): Promise<Connection> {
  const headers: Record<string, string> = { Upgrade: 'websocket' };
  if (access !== null) {
    headers['CF-Access-Client-Id'] = access.id;
    headers['CF-Access-Client-Secret'] = access.secret;
  }
  // A redirect would be the Access login page: never follow it with our service token in hand.
  const response = await fetch(url, { headers, redirect: 'manual' });
  const socket = response.webSocket;
  if (socket === null) {
    await response.body?.cancel();
    throw new DialFailure('target_unreachable', `the tunnel answered ${response.status}`);
  }
  socket.binaryType = 'arraybuffer';
  socket.accept();
  return new TunnelConnection(socket, maxFrameBytes, hold);
}

class TunnelConnection implements Connection {
  readonly #socket: WebSocket;
  readonly #maxFrameBytes: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #ended = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;
  readonly #hold: HoldInput;
  #holding = false;

  constructor(socket: WebSocket, maxFrameBytes: number, hold: HoldInput) {
    this.#socket = socket;
    this.#maxFrameBytes = maxFrameBytes;
    this.#hold = hold;
    socket.addEventListener('message', (event) => this.#received(event.data));
    socket.addEventListener('close', () => this.#end(null));
    socket.addEventListener('error', () => this.#end(null));
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#waiting.length === 0) {
      if (this.#failure !== null) throw this.#failure;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#waiting.length === 1 ? (this.#waiting[0] ?? null) : concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    return chunk;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ended) throw new Error('the tunnel is closed');
    for (let at = 0; at < bytes.length; at += this.#maxFrameBytes) {
      this.#socket.send(bytes.subarray(at, at + this.#maxFrameBytes));
    }
  }

  close(): void {
    this.#end(null);
    this.#socket.close(1000);
  }

  #received(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) {
      this.#end(new Error('the tunnel sent text'));
      this.#socket.close(1003);
      return;
    }
    this.#waiting.push(new Uint8Array(data));
    this.#waitingBytes += data.byteLength;
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#end(new Error('the client reads too slowly for a tunnel'));
      this.#socket.close(1013);
      return;
    }
    this.#wake?.();
    if (this.#waitingBytes > SLOW_DOWN_BYTES) this.#slowDown();
  }

  #slowDown(): void {
    if (this.#holding) return;
    this.#holding = true;
    const milliseconds = Math.ceil(this.#waitingBytes / BYTES_PER_HELD_MS);
    this.#hold(milliseconds).then(
      () => {
        this.#holding = false;
      },
      (error: unknown) => this.#end(error instanceof Error ? error : new Error('hold failed')),
    );
  }

  #end(failure: Error | null): void {
    this.#failure ??= failure;
    this.#ended = true;
    this.#wake?.();
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const joined = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
