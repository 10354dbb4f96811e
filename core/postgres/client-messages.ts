// Messages a client sends after startup: decoded when they come from our client, encoded when we are the target's client.
// Decoders take the whole frame (header included) and refuse bytes they did not expect. Fields in the manual's order.
// @see protocol-message-formats
import { ByteReader, ByteWriter, utf8 } from '../bytes.ts';
import { ProtocolViolation } from '../failure.ts';
import { CLIENT, HEADER_BYTES } from './tags.ts';

/** A frame inside a buffer, as FrameReader points at it. */
export interface FrameView {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export function bodyOf(frame: FrameView): ByteReader {
  return new ByteReader(frame.buffer, frame.start + HEADER_BYTES, frame.end);
}

/** Builds one frame; the length is filled in at the end. */
export function encodeFrame(
  tag: number,
  write: (body: ByteWriter) => void,
  capacity = 128,
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(capacity).u8(tag).i32(0);
  write(writer);
  return writer.patch32(1, writer.length - 1).finish();
}

const EMPTY_BODY = (): void => undefined;

export const SYNC = encodeFrame(CLIENT.sync, EMPTY_BODY);
export const FLUSH = encodeFrame(CLIENT.flush, EMPTY_BODY);

/** Sync, Flush, Terminate, CopyDone: nothing but the header. */
export function decodeEmpty(frame: FrameView): void {
  bodyOf(frame).end();
}

/** @see protocol-message-formats PasswordMessage */
export function decodePassword(frame: FrameView): string {
  const body = bodyOf(frame);
  const password = body.cstring();
  body.end();
  return password;
}

export function encodePassword(password: Uint8Array): Uint8Array {
  return encodeFrame(CLIENT.password, (w) => w.bytes(password).u8(0));
}

/** @see protocol-message-formats SASLInitialResponse */
export function encodeSaslInitialResponse(mechanism: string, response: string): Uint8Array {
  const bytes = utf8(response);
  return encodeFrame(CLIENT.password, (w) => w.cstring(mechanism).i32(bytes.length).bytes(bytes));
}

/** @see protocol-message-formats SASLResponse */
export function encodeSaslResponse(response: string): Uint8Array {
  return encodeFrame(CLIENT.password, (w) => w.bytes(utf8(response)));
}

/** The text as bytes: it is measured before it is decoded. @see protocol-message-formats Query */
export function decodeQuery(frame: FrameView): Uint8Array {
  const body = bodyOf(frame);
  const text = body.cstringBytes();
  body.end();
  return text;
}

export function encodeQuery(text: string): Uint8Array {
  return encodeFrame(CLIENT.query, (w) => w.cstring(text));
}

export interface Parse {
  readonly statement: string;
  readonly text: Uint8Array;
  /** Type oids the client prescribes, 0 for those it does not. */
  readonly types: readonly number[];
}

/** @see protocol-message-formats Parse */
export function decodeParse(frame: FrameView): Parse {
  const body = bodyOf(frame);
  const statement = body.cstring();
  const text = body.cstringBytes();
  const types: number[] = [];
  for (let left = body.u16(); left > 0; left--) types.push(body.u32());
  body.end();
  return { statement, text, types };
}

export function encodeParse(
  statement: string,
  text: string,
  types: readonly number[] = [],
): Uint8Array {
  return encodeFrame(CLIENT.parse, (w) => {
    w.cstring(statement).cstring(text).i16(types.length);
    for (const type of types) w.i32(type);
  });
}

export interface Bind {
  readonly portal: string;
  readonly statement: string;
  /** 0 text, 1 binary; none means all text, one stands for all. */
  readonly formats: readonly number[];
  /** Views into the frame; null is NULL. */
  readonly values: readonly (Uint8Array | null)[];
  readonly resultFormats: readonly number[];
}

/** @see protocol-message-formats Bind */
export function decodeBind(frame: FrameView): Bind {
  const body = bodyOf(frame);
  const portal = body.cstring();
  const statement = body.cstring();
  const formats = decodeFormats(body);
  const values: (Uint8Array | null)[] = [];
  for (let left = body.u16(); left > 0; left--) {
    const length = body.i32();
    if (length < -1) throw new ProtocolViolation('negative length of a bind value');
    values.push(length === -1 ? null : body.bytes(length));
  }
  // As Postgres has it: no codes, one for all, or one each.
  if (formats.length > 1 && formats.length !== values.length) {
    throw new ProtocolViolation('format codes do not match the bind values');
  }
  const resultFormats = decodeFormats(body);
  body.end();
  return { portal, statement, formats, values, resultFormats };
}

function decodeFormats(body: ByteReader): number[] {
  const formats: number[] = [];
  for (let left = body.u16(); left > 0; left--) {
    const format = body.i16();
    if (format !== 0 && format !== 1) throw new ProtocolViolation(`unknown format code ${format}`);
    formats.push(format);
  }
  return formats;
}

export function encodeBind(bind: Bind): Uint8Array {
  return encodeFrame(CLIENT.bind, (w) => {
    w.cstring(bind.portal).cstring(bind.statement).i16(bind.formats.length);
    for (const format of bind.formats) w.i16(format);
    w.i16(bind.values.length);
    for (const value of bind.values) {
      if (value === null) w.i32(-1);
      else w.i32(value.length).bytes(value);
    }
    w.i16(bind.resultFormats.length);
    for (const format of bind.resultFormats) w.i16(format);
  });
}

/** What Describe and Close name: a prepared statement or a portal. */
export interface Named {
  readonly of: 'statement' | 'portal';
  readonly name: string;
}

const STATEMENT = 0x53;
const PORTAL = 0x50;

/** @see protocol-message-formats Describe, Close */
export function decodeNamed(frame: FrameView): Named {
  const body = bodyOf(frame);
  const of = body.u8();
  const name = body.cstring();
  body.end();
  switch (of) {
    case STATEMENT:
      return { of: 'statement', name };
    case PORTAL:
      return { of: 'portal', name };
    default:
      throw new ProtocolViolation(`neither statement nor portal: ${of}`);
  }
}

export function encodeDescribe(named: Named): Uint8Array {
  return encodeNamed(CLIENT.describe, named);
}

export function encodeClose(named: Named): Uint8Array {
  return encodeNamed(CLIENT.close, named);
}

function encodeNamed(tag: number, named: Named): Uint8Array {
  return encodeFrame(tag, (w) =>
    w.u8(named.of === 'statement' ? STATEMENT : PORTAL).cstring(named.name),
  );
}

export interface Execute {
  readonly portal: string;
  /** Rows after which the portal is suspended; 0 or less means all. */
  readonly maxRows: number;
}

/** @see protocol-message-formats Execute */
export function decodeExecute(frame: FrameView): Execute {
  const body = bodyOf(frame);
  const portal = body.cstring();
  const maxRows = body.i32();
  body.end();
  return { portal, maxRows };
}

export function encodeExecute(execute: Execute): Uint8Array {
  return encodeFrame(CLIENT.execute, (w) => w.cstring(execute.portal).i32(execute.maxRows));
}

/** Oid of the function only: the call is never forwarded. @see protocol-message-formats FunctionCall */
export function decodeFunctionCall(frame: FrameView): number {
  return bodyOf(frame).u32();
}

/** @see protocol-message-formats CopyFail */
export function decodeCopyFail(frame: FrameView): string {
  const body = bodyOf(frame);
  const reason = body.cstring();
  body.end();
  return reason;
}
