// A WebSocket between a caller and a target, message by message. What follows on it is not judged (facts say `upgrade`); what
// the target sends still goes through what hides credentials and what masks.
import type { BodyMasks } from '../core/http/masked-body.ts';
import { maskedMessage } from '../core/http/masked-headers.ts';
import type { Hider } from '../core/http/hidden.ts';
import { decodeUtf8, utf8 } from '../core/bytes.ts';
import type { Maskers } from '../core/masking/maskers/maskers.ts';

export interface RelayOptions {
  /** Null: nothing is masked. */
  readonly masks: BodyMasks | null;
  readonly maskers: Maskers;
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

  /** Null: it must not go on. */
  function shown(data: string | ArrayBuffer): string | Uint8Array | null {
    const hider = options.hider();
    const plain = typeof data === 'string' ? utf8(data) : new Uint8Array(data);
    const clean = hider === null ? plain : concat(hider.push(plain).slice(), hider.end());
    if (typeof data !== 'string') return options.masks === null ? clean : null;
    const text = decodeUtf8(clean);
    if (text === null || options.masks === null) return text;
    const masked = maskedMessage(text, options.masks, options.maskers);
    return masked.ok ? masked.value : null;
  }

  client.binaryType = 'arraybuffer';
  target.binaryType = 'arraybuffer';
  client.addEventListener('message', ({ data }) => {
    if (over) return;
    target.send(data as string | ArrayBuffer);
  });
  target.addEventListener('message', ({ data }) => {
    if (over) return;
    const out = shown(data as string | ArrayBuffer);
    if (out === null) {
      return end('mask_body', POLICY_VIOLATION, 'a message cannot be masked');
    }
    bytes += out.length;
    client.send(out);
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
  const sendable = code === 1000 || (code >= 1001 && code <= 1014 && code !== 1005 && code !== 1006);
  try {
    socket.close(sendable || (code >= 3000 && code <= 4999) ? code : 1000, reason.slice(0, 100));
  } catch {
    // It has closed already; that is what was wanted.
  }
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const both = new Uint8Array(head.length + tail.length);
  both.set(head);
  both.set(tail, head.length);
  return both;
}
