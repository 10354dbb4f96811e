// What the stand-in for an HTTP target answers, by the last segment of the path; everything else is echoed as it arrived.
// node:http does the framing here; messages that are broken on purpose are http-target-raw.ts's.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';

/** A request as it arrived: the target as on the request line, headers in order and as they were written, body in base64. */
export interface Echo {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly string[];
}

export const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** Long enough to be worth packing. */
export const PLAIN = `${LETTERS} `.repeat(200);

type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
) => unknown;

/** Coding as the header has it, and what packs the plain text that way. */
const PACKED: Readonly<Record<string, readonly [coding: string, pack: (text: string) => Buffer]>> =
  {
    gzip: ['gzip', (text) => zlib.gzipSync(text)],
    'gzip-upper': ['GZIP', (text) => zlib.gzipSync(text)],
    'x-gzip': ['x-gzip', (text) => zlib.gzipSync(text)],
    br: ['br', (text) => zlib.brotliCompressSync(text)],
    deflate: ['deflate', (text) => zlib.deflateSync(text)],
    'deflate-raw': ['deflate', (text) => zlib.deflateRawSync(text)],
    zstd: ['zstd', (text) => zlib.zstdCompressSync(text)],
    twice: ['gzip, br', (text) => zlib.brotliCompressSync(zlib.gzipSync(text))],
    'with-identity': ['identity, gzip', (text) => zlib.gzipSync(text)],
    identity: ['identity', (text) => Buffer.from(text)],
    unknown: ['rot13', (text) => Buffer.from(text)],
    'gzip-lie': ['gzip', (text) => Buffer.from(text)],
    'gzip-cut': ['gzip', (text) => zlib.gzipSync(text).subarray(0, 40)],
    'gzip-more': ['gzip', (text) => Buffer.concat([zlib.gzipSync(text), Buffer.from('more')])],
  };

const ANSWERS: Readonly<Record<string, Answer>> = {
  chunked: async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    for (const part of ['one ', 'two ', 'three']) {
      response.write(part);
      await pause(5);
    }
    response.end();
  },
  trailers: (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum' });
    response.write('body');
    response.addTrailers({ 'x-sum': 'a-trailer', 'set-cookie': 'a=trailer' });
    response.end();
  },
  /** `count` events, one every `everyMs`; goes on behind the Last-Event-ID. */
  sse: async (request, response, query) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    const seen = Number(request.headers['last-event-id'] ?? 0);
    for (let n = seen + 1; n <= seen + amount(query, 'count', 3) && !response.destroyed; n++) {
      response.write(`id: ${n}\ndata: event ${n}\n\n`);
      await pause(amount(query, 'everyMs', 20));
    }
    response.end();
  },
  /** Headers after `afterMs`. */
  slow: async (_request, response, query) => {
    await pause(amount(query, 'afterMs', 500));
    response.end('late');
  },
  /** `bytes` of zeros, as fast as they are read. */
  huge: async (_request, response, query) => {
    const bytes = amount(query, 'bytes', 1024 * 1024);
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': bytes,
    });
    await pipeline(Readable.from(zeros(bytes)), response);
  },
  /** `bytes` of zeros, packed a thousandfold. */
  bomb: async (_request, response, query) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' });
    await pipeline(
      Readable.from(zeros(amount(query, 'bytes', 64 * 1024 * 1024))),
      zlib.createGzip(),
      response,
    );
  },
  redirect: (_request, response, query) => {
    response.writeHead(302, { location: query.get('to') ?? '/elsewhere' }).end();
  },
  range: (request, response) => {
    const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (match === null) return response.end(LETTERS);
    const start = Number(match[1]);
    const end = match[2] === '' ? LETTERS.length - 1 : Number(match[2]);
    response.writeHead(206, { 'content-range': `bytes ${start}-${end}/${LETTERS.length}` });
    return response.end(LETTERS.slice(start, end + 1));
  },
  /** A part of something packed cannot be unpacked. */
  'range-gzip': (_request, response) => {
    const packed = zlib.gzipSync(PLAIN);
    response.writeHead(206, {
      'content-encoding': 'gzip',
      'content-range': `bytes 5-9/${packed.length}`,
    });
    response.end(packed.subarray(5, 10));
  },
  /** Tells everything it was sent, in every place that an answer has. */
  mirror: (request, response) => {
    const sent = JSON.stringify([request.url, request.rawHeaders]);
    response.writeHead(200, { 'x-mirror': sent, location: request.url ?? '', etag: sent });
    response.end(sent);
  },
  cookies: (_request, response) => {
    response.writeHead(200, {
      'set-cookie': ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2; Path=/'],
      'x-twice': ['one', 'two'],
    });
    response.end();
  },
  /** Half of what was promised, then the connection is reset. */
  reset: (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('x'.repeat(500), () => setTimeout(() => response.socket?.resetAndDestroy(), 20));
  },
  /** Before there is any answer. */
  'reset-early': (request) => request.socket.resetAndDestroy(),
  /** Reads the body at its leisure and says how it ended. */
  upload: async (request, response, query) => {
    let bytes = 0;
    try {
      for await (const chunk of request) {
        bytes += (chunk as Buffer).length;
        await pause(amount(query, 'everyMs', 0));
      }
    } catch {
      return; // the sender has gone; `/control` tells
    }
    response.end(JSON.stringify({ bytes, complete: request.complete }));
  },
  /** Answers before the body is there. */
  'early-answer': (_request, response) =>
    response.writeHead(413, { connection: 'close' }).end('no'),
};

/** Answers a request; `body` is null for answers that read it themselves. */
export async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://target');
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  const packed = Object.hasOwn(PACKED, name) ? PACKED[name] : undefined;
  if (packed !== undefined) {
    const [coding, pack] = packed;
    response.writeHead(200, {
      'content-type': 'text/plain',
      'content-encoding': coding,
      etag: '"p"',
    });
    response.end(pack(PLAIN));
    return;
  }
  const status = /^status-(\d{3})$/.exec(name)?.[1];
  if (status !== undefined) {
    const server = url.searchParams.get('server');
    response.writeHead(Number(status), server === null ? {} : { server });
    response.end(['204', '304'].includes(status) ? undefined : `status ${status}`);
    return;
  }
  const own = Object.hasOwn(ANSWERS, name) ? ANSWERS[name] : undefined;
  if (own !== undefined) await own(request, response, url.searchParams);
  else await echo(request, response);
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers: [string, string][] = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    headers.push([request.rawHeaders[at] ?? '', request.rawHeaders[at + 1] ?? '']);
  }
  const echoed: Echo = {
    method: request.method ?? '',
    target: request.url ?? '',
    version: request.httpVersion,
    headers,
    body: Buffer.concat(chunks).toString('base64'),
    trailers: request.rawTrailers,
  };
  response.writeHead(200, { 'content-type': 'application/json', 'x-answer': 'echo' });
  response.end(JSON.stringify(echoed));
}

function* zeros(bytes: number): Generator<Buffer> {
  const block = Buffer.alloc(64 * 1024);
  for (let left = bytes; left > 0; left -= block.length)
    yield block.subarray(0, Math.min(left, block.length));
}

function amount(query: URLSearchParams, name: string, otherwise: number): number {
  const value = Number(query.get(name) ?? otherwise);
  return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 30_000)));
}
