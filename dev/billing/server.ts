// The demo's HTTP service: a small billing API that asks for a key, as such services do. It keeps refunds in memory, and
// answers with its own view of a request at /v1/echo, which is how some services give their callers' keys away.
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Billing {
  readonly url: string;
  close(): Promise<void>;
}

interface Customer {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly card: string;
  readonly note: string;
}

const CUSTOMERS: readonly Customer[] = [
  {
    id: 1,
    name: 'Ada Hopper',
    email: 'ada@example.com',
    card: '4111111111111111',
    note: 'Pays in time.',
  },
  {
    id: 2,
    name: 'Ben Ortiz',
    email: 'ben.ortiz@example.org',
    card: '5555555555554444',
    note: 'Read his card out on the phone: 5555 5555 5555 4444',
  },
];

/** Longest body it takes. Bytes. */
const MAX_BODY_BYTES = 1024 * 1024;
const EVENT_MS = 50;

/** `key`: what callers have to send as `Authorization: Bearer`. */
export async function startBilling(key: string, port: number): Promise<Billing> {
  const refunds: unknown[] = [];
  const server = createServer((request, response) => {
    answer(request, response, key, refunds).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  refunds: unknown[],
): Promise<void> {
  if (!authorised(request.headers.authorization ?? '', key)) {
    response.setHeader('www-authenticate', 'Bearer realm="billing"');
    return json(response, 401, { error: 'who are you?' });
  }
  const { pathname } = new URL(request.url ?? '/', 'http://billing');
  switch (`${request.method ?? ''} ${pathname}`) {
    case 'GET /v1/customers':
      return json(response, 200, { customers: CUSTOMERS });
    case 'GET /v1/customers/2':
      return json(response, 200, CUSTOMERS[1]);
    case 'GET /v1/echo':
      return json(response, 200, { method: request.method, headers: request.headers });
    case 'GET /v1/refunds':
      return json(response, 200, { refunds });
    case 'POST /v1/refunds': {
      const refund = { id: refunds.length + 1, ...(await body(request)) };
      refunds.push(refund);
      return json(response, 201, refund);
    }
    case 'GET /v1/events':
      return events(request, response);
    default:
      return json(response, 404, { error: 'there is nothing here' });
  }
}

function authorised(header: string, key: string): boolean {
  const [sent, expected] = [Buffer.from(header), Buffer.from(`Bearer ${key}`)];
  return sent.length === expected.length && timingSafeEqual(sent, expected);
}

async function body(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new Error('too large');
  }
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) throw new Error('not an object');
  return { ...parsed };
}

/** One payment after the other, as they come in. */
async function events(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  for (const { email, card } of CUSTOMERS) {
    if (request.destroyed) return;
    response.write(`event: payment\ndata: ${JSON.stringify({ email, card })}\n\n`);
    await new Promise((resolve) => setTimeout(resolve, EVENT_MS));
  }
  response.end();
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
