// Messages that no HTTP library would send: interim answers, contradicting lengths, broken chunks, malformed headers. Written
// to the socket as they stand here, by the last segment of the path.
import { createServer, type Server, type Socket } from 'node:net';

interface Script {
  readonly bytes: string | Buffer;
  /** The connection is ended after the bytes; otherwise it stays open for the next request. */
  readonly end?: boolean;
}

const OK = 'HTTP/1.1 200 OK\r\n';

export const RAW_ANSWERS: Readonly<Record<string, Script>> = {
  plain: { bytes: `${OK}Content-Length: 5\r\n\r\nplain` },
  continue: { bytes: `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 5\r\n\r\nafter` },
  hints: {
    bytes: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 5\r\n\r\nafter`,
  },
  'hints-only': { bytes: 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', end: true },
  switching: {
    bytes:
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw',
  },
  'until-close': { bytes: `${OK}\r\nuntil close`, end: true },
  'http-1.0': { bytes: 'HTTP/1.0 200 OK\r\n\r\nold', end: true },
  short: { bytes: `${OK}Content-Length: 100\r\n\r\nfive!`, end: true },
  'length-and-chunks': {
    bytes: `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  },
  'two-lengths': { bytes: `${OK}Content-Length: 5\r\nContent-Length: 3\r\n\r\nhello` },
  'negative-length': { bytes: `${OK}Content-Length: -5\r\n\r\nhello` },
  'plus-length': { bytes: `${OK}Content-Length: +5\r\n\r\nhello` },
  'chunk-of-nonsense': { bytes: `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n` },
  'chunk-cut': { bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, end: true },
  'unknown-coding': { bytes: `${OK}Transfer-Encoding: gzip\r\n\r\nhello`, end: true },
  'no-colon': { bytes: `${OK}Content-Length: 5\r\nnonsense\r\n\r\nhello` },
  'blank-before-colon': { bytes: `${OK}Content-Length : 5\r\n\r\nhello`, end: true },
  folded: { bytes: `${OK}X-Folded: a\r\n b\r\nContent-Length: 5\r\n\r\nhello` },
  'bare-lf': { bytes: 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello' },
  'nul-in-header': { bytes: `${OK}X-Nul: a\0b\r\nContent-Length: 5\r\n\r\nhello` },
  'cr-in-header': { bytes: `${OK}X-Cr: a\rSet-Cookie: b\r\nContent-Length: 5\r\n\r\nhello` },
  'latin-1': {
    bytes: Buffer.from(`${OK}X-Latin: caf\u00E9\r\nContent-Length: 5\r\n\r\nhello`, 'latin1'),
  },
  'utf-8': {
    bytes: Buffer.from(`${OK}X-Utf: caf\u00E9\r\nContent-Length: 5\r\n\r\nhello`, 'utf8'),
  },
  'huge-header': { bytes: `${OK}X-Huge: ${'h'.repeat(300_000)}\r\nContent-Length: 5\r\n\r\nhello` },
  'status-999': { bytes: 'HTTP/1.1 999 What\r\nContent-Length: 5\r\n\r\nhello' },
  'status-99': { bytes: 'HTTP/1.1 99 What\r\nContent-Length: 5\r\n\r\nhello' },
  garbage: { bytes: 'SSH-2.0-OpenSSH_9.9\r\n', end: true },
  nothing: { bytes: '', end: true },
  /** More than was promised: a second answer, waiting for whoever asks next on this connection. */
  spare: {
    bytes: `${OK}Content-Length: 5\r\n\r\nfirst${OK}X-Smuggled: yes\r\nContent-Length: 8\r\n\r\nsmuggled`,
  },
  /** A body where there is none. */
  'body-of-204': {
    bytes: `HTTP/1.1 204 No Content\r\nContent-Length: 8\r\n\r\n${OK}X-Smuggled: yes\r\nContent-Length: 0\r\n\r\n`,
  },
};

/** Requests are told apart by their heads; bodies are read past. */
export function rawServer(sockets: Set<Socket>): Server {
  return createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let pending = '';
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      for (;;) {
        const head = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n(?:.+\r\n)*?\r\n/.exec(pending);
        if (head === null) return;
        pending = pending.slice(head[0].length);
        const path = (head[2] ?? '').split('?', 1)[0] ?? '';
        const script = RAW_ANSWERS[path.slice(path.lastIndexOf('/') + 1)] ?? {
          bytes: '',
          end: true,
        };
        socket.write(script.bytes);
        if (script.end === true) socket.end();
      }
    });
  });
}
