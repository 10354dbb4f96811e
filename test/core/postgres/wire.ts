// Bytes of the protocol for tests, built by hand from the manual and not with the code under test.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export const i16 = (value: number) => new Uint8Array([(value >> 8) & 255, value & 255]);
export const i32 = (value: number) =>
  new Uint8Array([(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
export const text = (value: string) => encoder.encode(value);
export const cstr = (value: string) => join(text(value), new Uint8Array(1));
export const hex = (value: string) => new Uint8Array(Buffer.from(value.replace(/\s/g, ''), 'hex'));

export function frame(tag: string, ...body: readonly Uint8Array[]): Uint8Array {
  const whole = join(...body);
  return join(text(tag), i32(whole.length + 4), whole);
}

// --- from a client -----------------------------------------------------------------------------------------------------

export function startup(version: number, parameters: Readonly<Record<string, string>>): Uint8Array {
  const body = Object.entries(parameters).flatMap(([name, value]) => [cstr(name), cstr(value)]);
  const rest = join(i32(version), ...body, new Uint8Array(1));
  return join(i32(rest.length + 4), rest);
}

export const V30 = 0x30000;
export const V32 = 0x30002;
export const sslRequest = join(i32(8), i32(80877103));
export const gssRequest = join(i32(8), i32(80877104));
export const password = (token: string) => frame('p', cstr(token));
export const query = (sql: string) => frame('Q', cstr(sql));
export const parse = (name: string, sql: string) => frame('P', cstr(name), cstr(sql), i16(0));
export const bind = (
  portal: string,
  statement: string,
  values: readonly (string | Uint8Array | null)[] = [],
  formats: readonly number[] = [],
) =>
  frame(
    'B',
    cstr(portal),
    cstr(statement),
    i16(formats.length),
    ...formats.map(i16),
    i16(values.length),
    ...values.map((value) => {
      if (value === null) return i32(-1);
      const bytes = typeof value === 'string' ? text(value) : value;
      return join(i32(bytes.length), bytes);
    }),
    i16(0),
  );
export const describeStatement = (name: string) => frame('D', text('S'), cstr(name));
export const describePortal = (name: string) => frame('D', text('P'), cstr(name));
export const execute = (portal = '', rows = 0) => frame('E', cstr(portal), i32(rows));
export const closeStatement = (name: string) => frame('C', text('S'), cstr(name));
export const closePortal = (name: string) => frame('C', text('P'), cstr(name));
export const sync = frame('S');
export const flush = frame('H');
export const terminate = frame('X');
export const copyData = (data: string) => frame('d', text(data));
export const copyDone = frame('c');
export const copyFail = (why: string) => frame('f', cstr(why));

// --- from a server -----------------------------------------------------------------------------------------------------

export const authOk = frame('R', i32(0));
export const authCleartext = frame('R', i32(3));
export const parameter = (name: string, value: string) => frame('S', cstr(name), cstr(value));
export const keyData = (id: number, secret: Uint8Array) => frame('K', i32(id), secret);
export const ready = (status: string) => frame('Z', text(status));
export const rowDescription = frame(
  'T',
  i16(1),
  cstr('c'),
  i32(0),
  i16(0),
  i32(25),
  i16(-1),
  i32(-1),
  i16(0),
);
export const dataRow = (...values: readonly string[]) =>
  frame('D', i16(values.length), ...values.map((v) => join(i32(text(v).length), text(v))));
export const complete = (tag: string) => frame('C', cstr(tag));
export const emptyQuery = frame('I');
export const suspended = frame('s');
export const noData = frame('n');
export const parameterDescription = frame('t', i16(0));
export const parseComplete = frame('1');
export const bindComplete = frame('2');
export const closeComplete = frame('3');
export const copyIn = frame('G', new Uint8Array(1), i16(1), i16(0));
export const copyOut = frame('H', new Uint8Array(1), i16(1), i16(0));
export const error = (code: string, message: string, severity = 'ERROR') =>
  frame(
    'E',
    text('S'),
    cstr(severity),
    text('V'),
    cstr(severity),
    text('C'),
    cstr(code),
    text('M'),
    cstr(message),
    new Uint8Array(1),
  );
export const notice = (message: string) =>
  frame(
    'N',
    text('S'),
    cstr('NOTICE'),
    text('V'),
    cstr('NOTICE'),
    text('C'),
    cstr('00000'),
    text('M'),
    cstr(message),
    new Uint8Array(1),
  );

/** What a server says between the client's password and its first ReadyForQuery. */
export const loginAnswer = join(
  authOk,
  parameter('server_version', '17.2'),
  parameter('client_encoding', 'UTF8'),
  parameter('standard_conforming_strings', 'on'),
  keyData(4242, hex('01020304')),
  ready('I'),
);

export const probeAnswer = (path: string, end: 'I' | 'T' | 'flush', scs = 'on') =>
  join(
    parseComplete,
    bindComplete,
    dataRow(path, scs, 'UTF8', 'off', 'off', 'app'),
    complete('SELECT 1'),
    closeComplete,
    closeComplete,
    ...(end === 'flush' ? [] : [ready(end)]),
  );

// --- reading -----------------------------------------------------------------------------------------------------------

export interface Frame {
  readonly tag: string;
  readonly body: Uint8Array;
}

/** Whole frames only; a rest that is not one is a frame with tag `?`. */
export function frames(bytes: Uint8Array): Frame[] {
  const found: Frame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.length) {
    const length = at + 5 <= bytes.length ? view.getUint32(at + 1) : -1;
    if (length < 4 || at + 1 + length > bytes.length) {
      found.push({ tag: '?', body: bytes.subarray(at) });
      break;
    }
    found.push({
      tag: String.fromCharCode(bytes[at] ?? 0),
      body: bytes.subarray(at + 5, at + 1 + length),
    });
    at += 1 + length;
  }
  return found;
}

export const tags = (bytes: Uint8Array) =>
  frames(bytes)
    .map((f) => f.tag)
    .join('');

export function fields(body: Uint8Array): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of decoder.decode(body).split('\0')) {
    if (part !== '') found[part.charAt(0)] = part.slice(1);
  }
  return found;
}

/** The fields of the last error or notice in there. */
export function told(bytes: Uint8Array): Record<string, string> {
  const report = frames(bytes).findLast((f) => f.tag === 'E' || f.tag === 'N');
  if (report === undefined) throw new Error('no error or notice there');
  return fields(report.body);
}

/** The strings of one frame; negative positions count from the end. */
export function stringsAt(bytes: Uint8Array, position: number): string[] {
  return cstrings(nth(frames(bytes), position).body);
}

export function nth<T>(list: readonly T[], position: number): T {
  const found = list.at(position);
  if (found === undefined) throw new Error(`nothing at ${position}`);
  return found;
}

export const cstrings = (body: Uint8Array) => decoder.decode(body).split('\0');
