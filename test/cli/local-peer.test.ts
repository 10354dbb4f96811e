import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpoint, isOwnPeer, ownerOf } from '../../cli/local-peer.ts';

const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

let server: Server;
afterEach(() => server.close());

async function listening(host: string): Promise<number> {
  server = createServer({ pauseOnConnect: true }).listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function accepted(): Promise<Socket> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.on('error', () => {});
  return socket;
}

describe.runIf(isLinux)('isOwnPeer', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1'])(
    'knows a socket of this process on %s',
    async (host) => {
      const client = connect(await listening(host), host);
      expect(isOwnPeer(await accepted())).toBe(true);
      client.destroy();
    },
  );

  it('knows no owner of a socket that was closed meanwhile', async () => {
    const client = connect(await listening('127.0.0.1'), '127.0.0.1');
    const socket = await accepted();
    client.destroy();
    await sleep(50);
    expect(isOwnPeer(socket)).toBe(false);
  });

  it('still knows a client that has only finished sending', async () => {
    const client = connect(await listening('127.0.0.1'), '127.0.0.1');
    const socket = await accepted();
    client.end('cancel');
    await sleep(50);
    expect(isOwnPeer(socket)).toBe(true);
    client.destroy();
  });

  it.runIf(isRoot)('refuses a process of another user', async () => {
    const port = await listening('127.0.0.1');
    const child = spawn('/bin/bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}; read -r -u 3`], {
      uid: NOBODY,
      gid: NOBODY,
    });
    expect(isOwnPeer(await accepted())).toBe(false);
    child.kill();
  });
});

describe('the table of sockets', () => {
  beforeEach(() => {
    server = createServer();
  });

  it.each([
    ['127.0.0.1', 5433, '0100007F:1539'],
    ['10.1.2.255', 65_535, 'FF02010A:FFFF'],
    ['::1', 1, '00000000000000000000000001000000:0001'],
    ['::', 80, '00000000000000000000000000000000:0050'],
    ['2001:db8::a:b', 80, 'B80D0120000000000000000000'.slice(0, 16) + '000000000B000A00:0050'],
    ['::ffff:127.0.0.1', 7, '0000000000000000FFFF00000100007F:0007'],
  ])('writes %s port %i as %s', (address, port, expected) => {
    expect(endpoint(address, port)).toBe(expected);
  });

  const line = (uid: number, inode: number): string =>
    `   3: 0100007F:D42E 0100007F:1539 01 00000000:00000000 00:00000000 00000000 ${uid} 0 ${inode} 1 0`;

  it.each([
    ['a socket', line(1000, 99), 1000],
    ['a socket without a process', line(0, 0), null],
    ['the other direction', '   3: 0100007F:1539 0100007F:D42E 01 0:0 0:0 0 1000 0 99', null],
    ['nothing', '  sl  local_address rem_address', null],
  ])('says of %s the owner %s', (_, text, owner) => {
    expect(ownerOf(`  sl\n${text}\n`, '0100007F:D42E', '0100007F:1539')).toBe(owner);
  });
});
