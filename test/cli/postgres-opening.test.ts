import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { encodeFatalError } from '../../cli/postgres-error.ts';
import { PostgresOpening } from '../../cli/postgres-opening.ts';

const ERROR = { sqlState: '28000', message: 'No.', hint: '' };
const FATAL = encodeFatalError(ERROR).toString('latin1');

function int32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
}

const ssl = int32(8, 80877103);
const gss = int32(8, 80877104);
const cancel = int32(16, 80877102, 1, 2);
const parameters = Buffer.from('user\0me\0\0');
const startup = Buffer.concat([int32(8 + parameters.length, 196608), parameters]);
const tls = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
const message = (tag: string, body: string): Buffer =>
  Buffer.concat([Buffer.from(tag), int32(4 + body.length), Buffer.from(body)]);
const auth = message('R', '\0\0\0\0');
const row = message('D', 'x'.repeat(300));
const ready = message('Z', 'I');
const error = message('E', 'SFATAL\0\0');

/** What a client gets that sends `later` when the tunnel is refused after `before`. */
async function refusal(
  before: readonly (readonly ['client' | 'server', Buffer])[],
  later: readonly Buffer[],
  cut = Infinity,
): Promise<string> {
  const opening = new PostgresOpening();
  for (const [from, bytes] of before) {
    for (let at = 0; at < bytes.length; at += cut) {
      const chunk = bytes.subarray(at, at + cut);
      if (from === 'client') opening.fromClient(chunk);
      else opening.fromServer(chunk);
    }
  }
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  let got = '';
  client.on('data', (chunk) => {
    got += chunk.toString('latin1');
  });
  for (const bytes of later) client.write(bytes);
  const refused = opening.refuse(socket, ERROR);
  // A client that has sent all and hears nothing hangs up in the end.
  const patience = setTimeout(() => client.end(), 200);
  await once(client, 'close');
  clearTimeout(patience);
  await refused;
  return got;
}

describe('a refusal before anything was forwarded', () => {
  it.each([
    ['a startup message', [startup], FATAL],
    ['SSLRequest, then a startup message', [ssl, startup], `N${FATAL}`],
    ['GSSENCRequest, SSLRequest, then a startup message', [gss, ssl, startup], `NN${FATAL}`],
    ['SSLRequest and no more', [ssl], 'N'],
    ['a cancel request', [cancel], ''],
    ['TLS without asking', [tls], ''],
    ['nothing', [], ''],
    ['a length of zero', [int32(0, 196608)], ''],
    ['a length of 4 GiB', [int32(0xffffffff, 196608)], ''],
    ['half a startup message', [startup.subarray(0, 10)], ''],
  ])('answers %s', async (_, sent, expected) => {
    expect(await refusal([], sent)).toBe(expected);
  });
});

describe('a refusal after the tunnel was open', () => {
  const begun = [
    ['client', ssl],
    ['server', Buffer.from('N')],
    ['client', startup],
  ] as const;

  it.each([
    ['the client asked for TLS and heard nothing', [['client', ssl]], [startup], `N${FATAL}`],
    [
      'the gateway had answered N',
      [
        ['client', ssl],
        ['server', Buffer.from('N')],
      ],
      [startup],
      FATAL,
    ],
    ['the startup message was sent', begun, [], FATAL],
    [
      'the server was between two messages',
      [...begun, ['server', auth], ['server', row]],
      [],
      FATAL,
    ],
    ['the server was inside a message', [...begun, ['server', row.subarray(0, -1)]], [], ''],
    ['the server was inside a header', [...begun, ['server', row.subarray(0, 3)]], [], ''],
    ['the server has said why itself', [...begun, ['server', auth], ['server', error]], [], ''],
    ['an error is past', [...begun, ['server', error], ['server', ready]], [], FATAL],
    [
      'the server took up TLS',
      [
        ['client', ssl],
        ['server', Buffer.from('S')],
        ['client', tls],
      ],
      [],
      '',
    ],
    ['the server broke the protocol', [...begun, ['server', Buffer.from('D\0\0\0\0')]], [], ''],
  ] as const)('is heard, or not, when %s', async (_, before, later, expected) => {
    for (const cut of [Infinity, 1, 7]) {
      expect(await refusal(before, later, cut)).toBe(expected);
    }
  });
});

describe('encodeFatalError', () => {
  it('writes the fields of an ErrorResponse', () => {
    const bytes = encodeFatalError({ sqlState: '28000', message: 'Nö.', hint: 'Ask.' });
    expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
    expect(bytes.toString('utf8', 5)).toBe('SFATAL\0VFATAL\0C28000\0MNö.\0HAsk.\0\0');
  });

  it('lets no NUL end a field early', () => {
    const bytes = encodeFatalError({ sqlState: 'XX000', message: 'a\0Cb', hint: '' });
    expect(bytes.toString('utf8', 5)).toBe('SFATAL\0VFATAL\0CXX000\0Ma Cb\0\0');
  });
});
