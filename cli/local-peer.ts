// Which user's process is at the other end of a loopback connection. A TCP port on loopback is open to every user of the
// machine, and whoever gets through borrows the caller's identity; Linux says in /proc/net/tcp whose each socket is
// (proc_pid_net(5)). Other systems do not say, and there is nothing to check.
import { readFileSync } from 'node:fs';
import { type Socket, isIPv6 } from 'node:net';
import { endianness } from 'node:os';

/** Columns of a line, split at blanks. */
const LOCAL = 1;
const REMOTE = 2;
const UID = 7;
const INODE = 9;

/** The table is no snapshot: a line can be missed while others come and go. */
const ATTEMPTS = 3;

/**
 * True when the peer is a process of this user or of root, or when this system does not tell. False for anybody else, and
 * for a peer that cannot be found or has already closed its socket: the kernel then names no owner.
 */
export function isOwnPeer(socket: Socket): boolean {
  const uid = process.getuid?.();
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (uid === undefined || process.platform !== 'linux') return true;
  if (remoteAddress === undefined || localAddress === undefined) return false;
  const table = isIPv6(remoteAddress) ? '/proc/net/tcp6' : '/proc/net/tcp';
  // The line of the peer's own socket: what is remote to us is local to it.
  const local = endpoint(remoteAddress, remotePort ?? 0);
  const remote = endpoint(localAddress, localPort ?? 0);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const owner = ownerOf(readFileSync(table, 'latin1'), local, remote);
    if (owner !== null) return owner === uid || owner === 0;
  }
  return false;
}

/** Null when there is no such socket, or no process has it any more. */
export function ownerOf(table: string, local: string, remote: string): number | null {
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (columns[LOCAL] !== local || columns[REMOTE] !== remote) continue;
    return columns[INODE] === '0' ? null : Number(columns[UID]);
  }
  return null;
}

/** As the table writes it: each 32-bit word of the address in this machine's byte order, then the port. */
export function endpoint(address: string, port: number): string {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
  if (endianness() === 'LE') bytes.swap32();
  return `${bytes.toString('hex')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}

function ipv6Bytes(address: string): Buffer {
  // URL writes any IPv6 address in its one canonical form, without an embedded IPv4 part.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from(
    [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''),
    'hex',
  );
}
