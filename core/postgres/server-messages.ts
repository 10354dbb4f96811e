// Messages a server sends: decoded when they come from the target, encoded when we are the client's server. Decoders take
// the whole frame (header included). Rows and COPY data have no decoder here, they are passed on unseen; DataRow's is for
// our own probe. @see protocol-message-formats
import { ByteReader, decodeLossy, utf8 } from '../bytes.ts';
import { ProtocolViolation } from '../failure.ts';
import { bodyOf, encodeFrame, type FrameView } from './client-messages.ts';
import type { DescribedColumn } from './masking.ts';
import { SERVER } from './tags.ts';

/** Status after a ReadyForQuery: idle, in a transaction block, in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

/** Authentication requests this gateway answers, and those it does not. @see protocol-message-formats Authentication* */
export type AuthenticationRequest =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cleartext' }
  | { readonly kind: 'md5'; readonly salt: Uint8Array }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'sasl_continue'; readonly data: string }
  | { readonly kind: 'sasl_final'; readonly data: string }
  | { readonly kind: 'unknown'; readonly code: number };

export function decodeAuthentication(frame: FrameView): AuthenticationRequest {
  const body = bodyOf(frame);
  const code = body.u32();
  const request = authenticationRequest(code, body);
  if (request.kind !== 'unknown') body.end();
  return request;
}

function authenticationRequest(code: number, body: ByteReader): AuthenticationRequest {
  switch (code) {
    case 0:
      return { kind: 'ok' };
    case 3:
      return { kind: 'cleartext' };
    case 5:
      return { kind: 'md5', salt: body.bytes(4) };
    case 10: {
      const mechanisms: string[] = [];
      for (let name = body.cstring(); name !== ''; name = body.cstring()) mechanisms.push(name);
      return { kind: 'sasl', mechanisms };
    }
    case 11:
      return { kind: 'sasl_continue', data: decodeLossy(body.rest()) };
    case 12:
      return { kind: 'sasl_final', data: decodeLossy(body.rest()) };
    default:
      return { kind: 'unknown', code };
  }
}

export function encodeAuthentication(kind: 'ok' | 'cleartext'): Uint8Array {
  return encodeFrame(SERVER.authentication, (w) => w.i32(kind === 'ok' ? 0 : 3));
}

export interface BackendKey {
  readonly processId: number;
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. */
  readonly secret: Uint8Array;
}

/** @see protocol-message-formats BackendKeyData */
export function decodeBackendKey(frame: FrameView): BackendKey {
  const body = bodyOf(frame);
  const processId = body.u32();
  const secret = body.rest().slice();
  if (secret.length < 4 || secret.length > 256) throw new ProtocolViolation('bad cancel key');
  return { processId, secret };
}

export function encodeBackendKey(key: BackendKey): Uint8Array {
  return encodeFrame(SERVER.backendKeyData, (w) => w.i32(key.processId).bytes(key.secret));
}

/** @see protocol-message-formats ParameterStatus */
export function decodeParameterStatus(frame: FrameView): { name: string; value: string } {
  const body = bodyOf(frame);
  const name = decodeLossy(body.cstringBytes());
  const value = decodeLossy(body.cstringBytes());
  body.end();
  return { name, value };
}

export function encodeParameterStatus(name: string, value: string): Uint8Array {
  return encodeFrame(SERVER.parameterStatus, (w) => w.cstring(name).cstring(value));
}

/** @see protocol-message-formats ReadyForQuery */
export function decodeReadyForQuery(frame: FrameView): TransactionStatus {
  const body = bodyOf(frame);
  const status = String.fromCharCode(body.u8());
  body.end();
  switch (status) {
    case 'I':
    case 'T':
    case 'E':
      return status;
    default:
      throw new ProtocolViolation('unknown transaction status');
  }
}

export function encodeReadyForQuery(status: TransactionStatus): Uint8Array {
  return encodeFrame(SERVER.readyForQuery, (w) => w.bytes(utf8(status)));
}

/**
 * Rows that a command tag speaks of: the last number of `INSERT 0 5`, `SELECT 3`, `COPY 10`; 0 for tags without one.
 * @see protocol-message-formats CommandComplete
 */
export function decodeCommandRows(frame: FrameView): number {
  const body = bodyOf(frame);
  const tag = body.cstringBytes();
  body.end();
  let rows = 0;
  let scale = 1;
  let at = tag.length - 1;
  for (; at >= 0; at--) {
    const digit = (tag[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    rows += digit * scale;
    scale *= 10;
  }
  // A tag that is nothing but digits, or ends in a word, counts no rows.
  return at >= 0 && tag[at] === 0x20 && Number.isSafeInteger(rows) ? rows : 0;
}

export function encodeCommandComplete(tag: string): Uint8Array {
  return encodeFrame(SERVER.commandComplete, (w) => w.cstring(tag));
}

/** @see protocol-message-formats RowDescription */
export function decodeRowDescription(frame: FrameView): DescribedColumn[] {
  const body = bodyOf(frame);
  const columns: DescribedColumn[] = [];
  for (let left = body.u16(); left > 0; left--) {
    const name = decodeLossy(body.cstringBytes());
    const table = body.u32();
    const attribute = body.i16();
    const typeOid = body.u32();
    // Size and modifier of the type: no value's form depends on them.
    body.bytes(6);
    const format = body.i16();
    if (format !== 0 && format !== 1) throw new ProtocolViolation('unknown format of a column');
    columns.push({ name, table, attribute, typeOid, format });
  }
  body.end();
  return columns;
}

/** @see protocol-message-formats CopyOutResponse */
export function decodeCopyOut(frame: FrameView): { binary: boolean; columns: number } {
  const body = bodyOf(frame);
  const format = body.u8();
  if (format > 1) throw new ProtocolViolation('unknown format of COPY');
  const columns = body.u16();
  for (let left = columns; left > 0; left--) {
    if (body.i16() !== format) throw new ProtocolViolation('COPY in mixed formats');
  }
  body.end();
  return { binary: format === 1, columns };
}

/** Column values, null for NULL. Views into the frame. @see protocol-message-formats DataRow */
export function decodeDataRow(frame: FrameView): (Uint8Array | null)[] {
  const body = bodyOf(frame);
  const values: (Uint8Array | null)[] = [];
  for (let left = body.u16(); left > 0; left--) {
    const length = body.i32();
    if (length < -1) throw new ProtocolViolation('negative length of a column');
    values.push(length === -1 ? null : body.bytes(length));
  }
  body.end();
  return values;
}

export function encodeDataRow(values: readonly (Uint8Array | null)[]): Uint8Array {
  return encodeFrame(SERVER.dataRow, (w) => {
    w.i16(values.length);
    for (const value of values) {
      if (value === null) w.i32(-1);
      else w.i32(value.length).bytes(value);
    }
  });
}

/** Fields of an ErrorResponse or NoticeResponse by their one-letter type. @see protocol-error-fields */
export type ReportFields = Readonly<Record<string, string>>;

/** @see protocol-message-formats ErrorResponse, NoticeResponse */
export function decodeReport(frame: FrameView): ReportFields {
  const body = bodyOf(frame);
  const fields: Record<string, string> = {};
  for (let type = body.u8(); type !== 0; type = body.u8()) {
    fields[String.fromCharCode(type)] = decodeLossy(body.cstringBytes());
  }
  body.end();
  return fields;
}

export function encodeError(fields: ReportFields): Uint8Array {
  return encodeReport(SERVER.error, fields);
}

export function encodeNotice(fields: ReportFields): Uint8Array {
  return encodeReport(SERVER.notice, fields);
}

function encodeReport(tag: number, fields: ReportFields): Uint8Array {
  return encodeFrame(tag, (w) => {
    for (const [type, value] of Object.entries(fields)) {
      // A zero byte would end the field early; texts of ours have none, what they quote might.
      w.u8(type.charCodeAt(0)).cstring(value.replaceAll('\0', '\u{FFFD}'));
    }
    w.u8(0);
  });
}

export interface VersionOffer {
  /** Whole version number, 3 << 16 | minor: what Postgres sends, whatever the manual says of a minor version. */
  readonly version: number;
  readonly unknownOptions: readonly string[];
}

/** @see protocol-message-formats NegotiateProtocolVersion */
export function decodeNegotiateVersion(frame: FrameView): VersionOffer {
  const body = bodyOf(frame);
  const version = body.u32();
  const unknownOptions: string[] = [];
  for (let left = body.u32(); left > 0; left--) unknownOptions.push(body.cstring());
  body.end();
  return { version, unknownOptions };
}

export function encodeNegotiateVersion(offer: VersionOffer): Uint8Array {
  return encodeFrame(SERVER.negotiateVersion, (w) => {
    w.i32(offer.version).i32(offer.unknownOptions.length);
    for (const name of offer.unknownOptions) w.cstring(name);
  });
}

/** ParseComplete, BindComplete, CloseComplete, EmptyQueryResponse, NoData, PortalSuspended, CopyDone: header only. */
export function encodeEmpty(tag: number): Uint8Array {
  return encodeFrame(tag, () => undefined);
}
