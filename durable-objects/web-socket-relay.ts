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
  /** Ends both connections: the session is over. */
  readonly signal: AbortSignal;
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

  /** What a target gives as its reason may hold what its messages may not; one that cannot be masked is left out. */
  function shownReason(reason: string): string {
    try {
      const out = reason === '' ? '' : shown(reason);
      return typeof out === 'string' ? out : '';
    } catch {
      return '';
    }
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
  target.addEventListener('close', ({ code, reason }) => end(null, code, shownReason(reason)));
  client.addEventListener('error', () => end('client_closed', GOING_AWAY, ''));
  target.addEventListener('error', () => end('target_closed', GOING_AWAY, ''));
  options.signal.addEventListener('abort', () => end('killed', POLICY_VIOLATION, 'session ended'));
  client.accept();
  target.accept();
  if (options.signal.aborted) end('killed', POLICY_VIOLATION, 'session ended');
  return outer;
}

/** Codes that a close frame may not carry (RFC 6455 section 7.4.1) become a plain end. */
function close(socket: WebSocket, code: number, reason: string): void {
  const sendable =
    code === 1000 || (code >= 1001 && code <= 1014 && code !== 1005 && code !== 1006);
  try {
    socket.close(sendable || (code >= 3000 && code <= 4999) ? code : 1000, fitting(reason));
  } catch {
    // It has closed already; that is what was wanted.
  }
}

/** RFC 6455 section 5.5: a control frame has room for 123 bytes beside the code. */
function fitting(reason: string): string {
  const room = 123;
  if (utf8(reason).length <= room) return reason;
  let text = '';
  let bytes = 0;
  for (const character of reason) {
    bytes += utf8(character).length;
    if (bytes > room) break;
    text += character;
  }
  return text;
}
