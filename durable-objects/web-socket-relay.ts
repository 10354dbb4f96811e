// A WebSocket between a caller and a target, message by message. What follows on it is not judged (facts say `upgrade`); what
// the target sends still goes through what hides credentials and what masks.
import type { Hider } from '../core/http/hidden.ts';
import { concatBytes, decodeUtf8, utf8 } from '../core/bytes.ts';
import { BodyMaskFailure } from '../core/http/masked-body.ts';
import type { MessageMasker } from '../core/http/masked-headers.ts';

export interface RelayOptions {
  /** Null: nothing is masked. */
  readonly masker: MessageMasker | null;
  hider(): Hider | null;
  /** Once; `error` is a code, null for an end like any other. */
  done(error: string | null, bytes: number): void;
}

const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;

/** The caller's end, not yet accepted by anybody. */
export function relay(target: WebSocket, options: RelayOptions): WebSocket {
  const { 0: outer, 1: client } = new WebSocketPair();
  let bytes = 0;
  let over = false;

  function end(error: string | null, code: number, reason: string): void {
    if (over) return;
    over = true;
    close(client, code, reason);
    close(target, code, reason);
    options.done(error, bytes);
  }

  /** @throws BodyMaskFailure for what must not go on */
  function shown(data: string | ArrayBuffer): string | Uint8Array {
    const hider = options.hider();
    const plain = typeof data === 'string' ? utf8(data) : new Uint8Array(data);
    const clean = hider === null ? plain : concatBytes([hider.push(plain).slice(), hider.end()]);
    const text = typeof data === 'string' ? (decodeUtf8(clean) ?? clean) : clean;
    return options.masker === null ? text : options.masker.message(text);
  }

  client.binaryType = 'arraybuffer';
  target.binaryType = 'arraybuffer';
  client.addEventListener('message', ({ data }) => {
    if (over) return;
    target.send(data as string | ArrayBuffer);
  });
  target.addEventListener('message', ({ data }) => {
    if (over) return;
    try {
      const out = shown(data as string | ArrayBuffer);
      bytes += out.length;
      client.send(out);
    } catch (error) {
      const code = error instanceof BodyMaskFailure ? 'mask_body' : 'internal';
      end(code, POLICY_VIOLATION, 'a message cannot be masked');
    }
  });
  client.addEventListener('close', ({ code, reason }) => end(null, code, reason));
  target.addEventListener('close', ({ code, reason }) => end(null, code, reason));
  client.addEventListener('error', () => end('client_closed', GOING_AWAY, ''));
  target.addEventListener('error', () => end('target_closed', GOING_AWAY, ''));
  client.accept();
  target.accept();
  return outer;
}

/** Codes that a close frame may not carry (RFC 6455 section 7.4.1) become a plain end. */
function close(socket: WebSocket, code: number, reason: string): void {
  const sendable =
    code === 1000 || (code >= 1001 && code <= 1014 && code !== 1005 && code !== 1006);
  try {
    socket.close(sendable || (code >= 3000 && code <= 4999) ? code : 1000, reason.slice(0, 100));
  } catch {
    // It has closed already; that is what was wanted.
  }
}
