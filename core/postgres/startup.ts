// What a client says before messages have tags: requests for encryption, a cancel request, or the startup packet. Codec
// only; which parameters a session may start with is startup-parameters.ts.
// @see protocol-message-formats SSLRequest, GSSENCRequest, CancelRequest, StartupMessage
import { ByteReader, ByteWriter, NO_BYTES, concatBytes } from '../bytes.ts';
import { ProtocolViolation } from '../failure.ts';
import { MAX_STARTUP_BYTES } from '../limits.ts';
import type { BackendKey } from './server-messages.ts';

const CANCEL_CODE = 80_877_102;
const SSL_CODE = 80_877_103;
const GSSENC_CODE = 80_877_104;

export const PROTOCOL_3_0 = 0x0003_0000;
/** 3.0 with cancel keys of up to 256 bytes. */
export const PROTOCOL_3_2 = 0x0003_0002;
/** Fixed in 3.0; clients of that version may refuse a longer one. */
export const SHORT_SECRET_BYTES = 4;
const MAX_SECRET_BYTES = 256;

/** Asks a server for TLS; it answers one byte. @see protocol-flow, "SSL Session Encryption" */
export const TLS_REQUEST: Uint8Array = new ByteWriter(8).i32(8).i32(SSL_CODE).finish();
/** `S`: the server is ready for a TLS handshake. Anything else means that it is not. */
export const TLS_AGREED = 0x53;
/** `N`: no encryption here; this stream is inside TLS already. */
export const ENCRYPTION_REFUSED = new Uint8Array([0x4e]);

export type StartupPacket =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gssenc' }
  /** Process id and secret as they came: four bytes and four to 256 bytes. */
  | { readonly kind: 'cancel'; readonly key: Uint8Array }
  /** Parameters in order; a name may come twice and the last one counts. */
  | {
      readonly kind: 'startup';
      readonly version: number;
      readonly parameters: readonly (readonly [name: string, value: string])[];
    };

/** A whole packet, its length field included. */
export function decodeStartupPacket(packet: Uint8Array): StartupPacket {
  const body = new ByteReader(packet);
  if (body.u32() !== packet.length) throw new ProtocolViolation('startup packet of another length');
  const code = body.u32();
  switch (code) {
    case SSL_CODE:
      body.end();
      return { kind: 'ssl' };
    case GSSENC_CODE:
      body.end();
      return { kind: 'gssenc' };
    case CANCEL_CODE: {
      const key = body.rest().slice();
      const secretBytes = key.length - 4;
      if (secretBytes < SHORT_SECRET_BYTES || secretBytes > MAX_SECRET_BYTES) {
        throw new ProtocolViolation('cancel key of a wrong length');
      }
      return { kind: 'cancel', key };
    }
    default:
      return { kind: 'startup', version: code, parameters: parametersOf(code, body) };
  }
}

function parametersOf(version: number, body: ByteReader): (readonly [string, string])[] {
  // Another major version has another layout: the caller refuses it by its number.
  if (version >>> 16 !== 3) return [];
  const parameters: (readonly [string, string])[] = [];
  for (let name = body.cstring(); name !== ''; name = body.cstring()) {
    parameters.push([name, body.cstring()]);
  }
  body.end();
  return parameters;
}

export function encodeStartup(
  version: number,
  parameters: Iterable<readonly [string, string]>,
): Uint8Array {
  const writer = new ByteWriter().i32(0).i32(version);
  for (const [name, value] of parameters) writer.cstring(name).cstring(value);
  return writer.u8(0).patch32(0, writer.length).finish();
}

/** @see protocol-message-formats CancelRequest */
export function encodeCancelRequest(key: BackendKey): Uint8Array {
  const length = 12 + key.secret.length;
  return new ByteWriter(length)
    .i32(length)
    .i32(CANCEL_CODE)
    .i32(key.processId)
    .bytes(key.secret)
    .finish();
}

/** Collects untagged packets from a stream; hands out what follows the last one. */
export class StartupReader {
  #held: Uint8Array = NO_BYTES;

  push(chunk: Uint8Array): void {
    this.#held = this.#held.length === 0 ? chunk : concatBytes([this.#held, chunk]);
  }

  /** The next whole packet, or null until it is there. */
  next(): Uint8Array | null {
    if (this.#held.length < 4) return null;
    const length = new ByteReader(this.#held, 0, 4).u32();
    if (length < 8) throw new ProtocolViolation('startup packet too short');
    if (length > MAX_STARTUP_BYTES) throw new ProtocolViolation('startup packet too long');
    if (this.#held.length < length) return null;
    const packet = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return packet;
  }

  /** Everything that was not a packet of this reader; the reader is done then. */
  rest(): Uint8Array {
    const rest = this.#held;
    this.#held = NO_BYTES;
    return rest;
  }

  /** Ends a call: what is held is copied, its chunk belongs to the caller. */
  keep(): void {
    if (this.#held.length > 0) this.#held = this.#held.slice();
  }
}
