// Every message both ways: bytes built by hand from the manual against the codec.
import {
  array,
  assert,
  constantFrom,
  option,
  property,
  stringMatching,
  uint8Array,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from '../../../core/failure.ts';
import * as client from '../../../core/postgres/client-messages.ts';
import * as server from '../../../core/postgres/server-messages.ts';
import * as start from '../../../core/postgres/startup.ts';
import { SERVER } from '../../../core/postgres/tags.ts';
import * as wire from './wire.ts';
import { cstr, frame, hex, i16, i32, text } from './wire.ts';

const view = (bytes: Uint8Array): client.FrameView => ({
  buffer: bytes,
  start: 0,
  end: bytes.length,
});

/** Name, bytes, decoder, value, encoder. Decoders see the frame inside a larger buffer, as they do in life. */
const TABLE: readonly (readonly [
  string,
  Uint8Array,
  ((frame: client.FrameView) => unknown) | null,
  unknown,
  (() => Uint8Array) | null,
])[] = [
  [
    'PasswordMessage',
    hex('70 00000008 61626300'),
    client.decodePassword,
    'abc',
    () => client.encodePassword(text('abc')),
  ],
  [
    'SASLInitialResponse',
    frame('p', cstr('SCRAM-SHA-256'), i32(3), text('n,,')),
    null,
    null,
    () => client.encodeSaslInitialResponse('SCRAM-SHA-256', 'n,,'),
  ],
  [
    'SASLResponse',
    frame('p', text('c=biws')),
    null,
    null,
    () => client.encodeSaslResponse('c=biws'),
  ],
  [
    'Query',
    hex('51 0000000d 53454c4543542031 00'),
    client.decodeQuery,
    text('SELECT 1'),
    () => client.encodeQuery('SELECT 1'),
  ],
  [
    'Parse',
    frame('P', cstr('s1'), cstr('SELECT $1'), i16(2), i32(25), i32(0)),
    client.decodeParse,
    { statement: 's1', text: text('SELECT $1'), types: [25, 0] },
    () => client.encodeParse('s1', 'SELECT $1', [25, 0]),
  ],
  [
    'Bind',
    frame(
      'B',
      cstr('p'),
      cstr('s'),
      i16(2),
      i16(0),
      i16(1),
      i16(2),
      i32(1),
      text('x'),
      i32(-1),
      i16(1),
      i16(1),
    ),
    client.decodeBind,
    { portal: 'p', statement: 's', formats: [0, 1], values: [text('x'), null], resultFormats: [1] },
    () =>
      client.encodeBind({
        portal: 'p',
        statement: 's',
        formats: [0, 1],
        values: [text('x'), null],
        resultFormats: [1],
      }),
  ],
  [
    'Describe of a statement',
    hex('44 00000007 53 7300'),
    client.decodeNamed,
    { of: 'statement', name: 's' },
    () => client.encodeDescribe({ of: 'statement', name: 's' }),
  ],
  [
    'Describe of a portal',
    hex('44 00000006 50 00'),
    client.decodeNamed,
    { of: 'portal', name: '' },
    () => client.encodeDescribe({ of: 'portal', name: '' }),
  ],
  [
    'Close',
    hex('43 00000007 50 7000'),
    client.decodeNamed,
    { of: 'portal', name: 'p' },
    () => client.encodeClose({ of: 'portal', name: 'p' }),
  ],
  [
    'Execute',
    hex('45 0000000a 7000 00000005'),
    client.decodeExecute,
    { portal: 'p', maxRows: 5 },
    () => client.encodeExecute({ portal: 'p', maxRows: 5 }),
  ],
  [
    'FunctionCall',
    frame('F', i32(1598), i16(0), i16(0), i16(0)),
    client.decodeFunctionCall,
    1598,
    null,
  ],
  ['CopyFail', frame('f', cstr('no')), client.decodeCopyFail, 'no', null],
  ['Sync', hex('53 00000004'), client.decodeEmpty, undefined, () => client.SYNC],
  ['Flush', hex('48 00000004'), client.decodeEmpty, undefined, () => client.FLUSH],

  [
    'AuthenticationOk',
    hex('52 00000008 00000000'),
    server.decodeAuthentication,
    { kind: 'ok' },
    () => server.encodeAuthentication('ok'),
  ],
  [
    'AuthenticationCleartextPassword',
    hex('52 00000008 00000003'),
    server.decodeAuthentication,
    { kind: 'cleartext' },
    () => server.encodeAuthentication('cleartext'),
  ],
  [
    'AuthenticationMD5Password',
    hex('52 0000000c 00000005 01020304'),
    server.decodeAuthentication,
    { kind: 'md5', salt: hex('01020304') },
    null,
  ],
  [
    'AuthenticationSASL',
    frame('R', i32(10), cstr('SCRAM-SHA-256-PLUS'), cstr('SCRAM-SHA-256'), new Uint8Array(1)),
    server.decodeAuthentication,
    { kind: 'sasl', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
    null,
  ],
  [
    'AuthenticationSASLContinue',
    frame('R', i32(11), text('r=x')),
    server.decodeAuthentication,
    { kind: 'sasl_continue', data: 'r=x' },
    null,
  ],
  [
    'AuthenticationSASLFinal',
    frame('R', i32(12), text('v=x')),
    server.decodeAuthentication,
    { kind: 'sasl_final', data: 'v=x' },
    null,
  ],
  [
    'AuthenticationGSS',
    frame('R', i32(7)),
    server.decodeAuthentication,
    { kind: 'unknown', code: 7 },
    null,
  ],
  [
    'BackendKeyData of protocol 3.0',
    hex('4b 0000000c 00000101 0a0b0c0d'),
    server.decodeBackendKey,
    { processId: 257, secret: hex('0a0b0c0d') },
    () => server.encodeBackendKey({ processId: 257, secret: hex('0a0b0c0d') }),
  ],
  [
    'BackendKeyData of protocol 3.2',
    frame('K', i32(1), new Uint8Array(32).fill(7)),
    server.decodeBackendKey,
    { processId: 1, secret: new Uint8Array(32).fill(7) },
    () => server.encodeBackendKey({ processId: 1, secret: new Uint8Array(32).fill(7) }),
  ],
  [
    'ParameterStatus',
    frame('S', cstr('TimeZone'), cstr('UTC')),
    server.decodeParameterStatus,
    { name: 'TimeZone', value: 'UTC' },
    () => server.encodeParameterStatus('TimeZone', 'UTC'),
  ],
  [
    'ReadyForQuery',
    hex('5a 00000005 54'),
    server.decodeReadyForQuery,
    'T',
    () => server.encodeReadyForQuery('T'),
  ],
  [
    'CommandComplete of INSERT',
    frame('C', cstr('INSERT 0 12')),
    server.decodeCommandRows,
    12,
    () => server.encodeCommandComplete('INSERT 0 12'),
  ],
  [
    'CommandComplete of CREATE TABLE',
    frame('C', cstr('CREATE TABLE')),
    server.decodeCommandRows,
    0,
    null,
  ],
  ['CommandComplete of COPY', frame('C', cstr('COPY 7')), server.decodeCommandRows, 7, null],
  ['a tag that is only a number', frame('C', cstr('12')), server.decodeCommandRows, 0, null],
  [
    'DataRow',
    frame('D', i16(2), i32(2), text('ab'), i32(-1)),
    server.decodeDataRow,
    [text('ab'), null],
    () => server.encodeDataRow([text('ab'), null]),
  ],
  [
    'ErrorResponse',
    frame(
      'E',
      text('S'),
      cstr('ERROR'),
      text('C'),
      cstr('42501'),
      text('M'),
      cstr('no'),
      new Uint8Array(1),
    ),
    server.decodeReport,
    { S: 'ERROR', C: '42501', M: 'no' },
    () => server.encodeError({ S: 'ERROR', C: '42501', M: 'no' }),
  ],
  [
    'NoticeResponse',
    frame('N', text('M'), cstr('hi'), new Uint8Array(1)),
    server.decodeReport,
    { M: 'hi' },
    () => server.encodeNotice({ M: 'hi' }),
  ],
  [
    'NegotiateProtocolVersion',
    frame('v', i32(0x30002), i32(1), cstr('_pq_.x')),
    server.decodeNegotiateVersion,
    { version: 0x30002, unknownOptions: ['_pq_.x'] },
    () => server.encodeNegotiateVersion({ version: 0x30002, unknownOptions: ['_pq_.x'] }),
  ],
  ['ParseComplete', hex('31 00000004'), null, null, () => server.encodeEmpty(SERVER.parseComplete)],
];

describe('messages after startup', () => {
  it.each(TABLE)('%s', (_name, bytes, decode, value, encode) => {
    if (decode !== null) {
      const padded = wire.join(hex('ffff'), bytes, hex('ffff'));
      expect(decode({ buffer: padded, start: 2, end: 2 + bytes.length })).toEqual(value);
    }
    if (encode !== null) expect(encode()).toEqual(bytes);
  });

  it.each(
    TABLE.filter(
      (row) => row[2] !== null && !row[0].startsWith('FunctionCall') && !row[0].includes('GSS'),
    ),
  )('refuses %s cut short or with bytes left over', (name, bytes, decode) => {
    const longer = wire.join(bytes, hex('00'));
    // Fields that take the rest of the message have no end to overrun.
    if (!/SASLContinue|SASLFinal|BackendKeyData/.test(name)) {
      expect(() => decode!(view(longer))).toThrow(ProtocolViolation);
    }
    if (bytes.length > 5 && !/SASLContinue|SASLFinal|BackendKeyData of protocol 3.2/.test(name)) {
      expect(() => decode!(view(bytes.subarray(0, bytes.length - 1)))).toThrow(ProtocolViolation);
    }
  });

  it.each<[string, Uint8Array, (frame: client.FrameView) => unknown]>([
    [
      'a Bind value of length -2',
      frame('B', cstr(''), cstr(''), i16(0), i16(1), i32(-2), i16(0)),
      client.decodeBind,
    ],
    [
      'a Bind value longer than its message',
      frame('B', cstr(''), cstr(''), i16(0), i16(1), i32(2 ** 31 - 1), i16(0)),
      client.decodeBind,
    ],
    [
      'a Bind that counts more values than it has',
      frame('B', cstr(''), cstr(''), i16(0), i16(65535), i16(0)),
      client.decodeBind,
    ],
    [
      'a format code of 2',
      frame('B', cstr(''), cstr(''), i16(1), i16(2), i16(1), i32(-1), i16(0)),
      client.decodeBind,
    ],
    [
      'format codes that match no value',
      frame('B', cstr(''), cstr(''), i16(2), i16(0), i16(0), i16(1), i32(-1), i16(0)),
      client.decodeBind,
    ],
    [
      'a Parse that counts more types than it has',
      frame('P', cstr(''), cstr(''), i16(3), i32(1)),
      client.decodeParse,
    ],
    ['Describe of neither', frame('D', text('X'), cstr('')), client.decodeNamed],
    [
      'a Query with text behind its zero',
      frame('Q', cstr('SELECT 1'), cstr('DROP TABLE t')),
      client.decodeQuery,
    ],
    ['an unknown transaction status', frame('Z', text('Q')), server.decodeReadyForQuery],
    ['a cancel key of three bytes', frame('K', i32(1), hex('010203')), server.decodeBackendKey],
    ['a cancel key of 257 bytes', frame('K', i32(1), new Uint8Array(257)), server.decodeBackendKey],
    ['an error without its end', frame('E', text('M'), cstr('x')), server.decodeReport],
  ])('refuses %s', (_name, bytes, decode) => {
    expect(() => decode(view(bytes))).toThrow(ProtocolViolation);
  });

  it('reads back any Bind that it wrote', () => {
    const name = stringMatching(/^[a-z0-9_é]{0,20}$/);
    const value = option(uint8Array({ maxLength: 60 }), { nil: null });
    assert(
      property(
        name,
        name,
        array(value, { maxLength: 20 }),
        constantFrom(0, 1),
        (portal, statement, values, format) => {
          const bind = {
            portal,
            statement,
            formats: [format],
            values,
            resultFormats: [format, format],
          };
          expect(client.decodeBind(view(client.encodeBind(bind)))).toEqual(bind);
        },
      ),
    );
  });

  it('throws nothing but violations at any bytes', () => {
    const decoders = TABLE.flatMap((row) => (row[2] === null ? [] : [row[2]]));
    assert(
      property(
        uint8Array({ minLength: 5, maxLength: 60 }),
        constantFrom(...decoders),
        (bytes, decode) => {
          try {
            decode(view(bytes));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolViolation);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('packets before startup', () => {
  it.each<[string, Uint8Array, unknown]>([
    ['SSLRequest', hex('00000008 04d2162f'), { kind: 'ssl' }],
    ['GSSENCRequest', hex('00000008 04d21630'), { kind: 'gssenc' }],
    [
      'CancelRequest of 3.0',
      hex('00000010 04d2162e 00000001 0a0b0c0d'),
      { kind: 'cancel', key: hex('00000001 0a0b0c0d') },
    ],
    [
      'CancelRequest of 3.2',
      wire.join(i32(44), hex('04d2162e 00000001'), new Uint8Array(32).fill(3)),
      { kind: 'cancel', key: wire.join(i32(1), new Uint8Array(32).fill(3)) },
    ],
    [
      'StartupMessage',
      hex('00000015 00030002 7573657200 6100 646200 6300 00'),
      {
        kind: 'startup',
        version: 0x30002,
        parameters: [
          ['user', 'a'],
          ['db', 'c'],
        ],
      },
    ],
    [
      'StartupMessage of version 2',
      hex('0000000a 00020000 ffff'),
      { kind: 'startup', version: 0x20000, parameters: [] },
    ],
  ])('%s', (_name, bytes, expected) => {
    expect(start.decodeStartupPacket(bytes)).toEqual(expected);
  });

  it.each<[string, Uint8Array]>([
    ['SSLRequest with a body', hex('00000009 04d2162f 00')],
    ['CancelRequest with a key of three bytes', hex('0000000f 04d2162e 00000001 0a0b0c')],
    [
      'CancelRequest with a key of 257 bytes',
      wire.join(i32(12 + 257), hex('04d2162e 00000001'), new Uint8Array(257)),
    ],
    ['parameters without their end', wire.join(i32(16), i32(0x30000), text('user\0a\0b'))],
    ['bytes behind the parameters', wire.join(i32(17), i32(0x30000), text('user\0a\0\0x'))],
    ['a name without a value', wire.join(i32(14), i32(0x30000), text('user\0\0'))],
    ['another length than it has', hex('00000009 04d2162f')],
  ])('refuses %s', (_name, bytes) => {
    expect(() => start.decodeStartupPacket(bytes)).toThrow(ProtocolViolation);
  });

  it('writes what it reads', () => {
    expect(start.encodeStartup(0x30000, [['user', 'a']])).toEqual(
      wire.startup(0x30000, { user: 'a' }),
    );
    expect(start.encodeCancelRequest({ processId: 1, secret: hex('0a0b0c0d') })).toEqual(
      hex('00000010 04d2162e 00000001 0a0b0c0d'),
    );
    expect(start.TLS_REQUEST).toEqual(hex('00000008 04d2162f'));
  });
});
