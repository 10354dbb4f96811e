// Somebody who listens to webhooks, on a port of this machine: keeps what arrives, byte for byte, and answers as it is told.
// Every path is a receiver of its own. Driven over HTTP too: GET, POST and DELETE on /control/{name}.
import { createServer, type IncomingMessage } from 'node:http';

export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How the next calls are answered, one each; 204 without any. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds before the answer; at most 30 s. */
  readonly afterMs?: number;
}

interface Receiver {
  received: Received[];
  answers: Answer[];
}

export interface WebhookReceiver {
  /** Append a name. */
  readonly url: string;
  receiver(name: string): Receiver;
  close(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const receivers = new Map<string, Receiver>();
  const receiver = (name: string): Receiver => {
    const known = receivers.get(name) ?? { received: [], answers: [] };
    receivers.set(name, known);
    return known;
  };
  const server = createServer((request, response) => {
    void (async () => {
      const [, kind, name = ''] = new URL(request.url ?? '/', 'http://127.0.0.1').pathname.split(
        '/',
      );
      const place = receiver(name);
      const body = await text(request);
      if (kind === 'control') {
        if (request.method === 'POST') place.answers.push(...(JSON.parse(body) as Answer[]));
        if (request.method === 'DELETE') Object.assign(place, { received: [], answers: [] });
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(place));
        return;
      }
      place.received.push({ headers: request.headers as Record<string, string>, body });
      const answer = place.answers.shift() ?? { status: 204 };
      await new Promise((resolve) => setTimeout(resolve, Math.min(answer.afterMs ?? 0, 30_000)));
      response.writeHead(answer.status, answer.headers).end();
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/hook/`,
    receiver,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
