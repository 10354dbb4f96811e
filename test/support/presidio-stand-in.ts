// The REST API of Presidio's analyzer (presidio-analyzer/app.py there) with a small dictionary in place of a model: lists of
// texts, entities, thresholds and languages as it takes them, offsets in code points as Python counts, errors as it words
// them. `/{behaviour}/{place}/analyze` goes wrong as the behaviour says; what a place has received is at `…/received`.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

declare module 'vitest' {
  interface ProvidedContext {
    /** Base URL of the one that tests inside workerd share (stand-ins-setup.ts). */
    readonly presidio: string;
  }
}

/** What a model would know, by Presidio's names of entities. Some are in more than one plane of Unicode. */
export const KNOWN: Readonly<Record<string, readonly string[]>> = {
  PERSON: ['Quillon Ybarrez', 'Ada Lovelace', 'Zoë Ångström', 'Bo', '𝕎illa 🦊 Fox'],
  LOCATION: ['12 Foundry Lane', 'Lisbon'],
  ORGANIZATION: ['Initech'],
  DATE_TIME: ['1815-12-10'],
};
const SCORE = 0.85;

export type Behaviour =
  | 'well'
  /** Wants `Authorization: Bearer analyzer-token` and a service token. */
  | 'guarded'
  /** 500, as for a text its model chokes on. */
  | 'failing'
  | 'garbage'
  /** JSON of another shape. */
  | 'shapeless'
  /** A list less than there were texts. */
  | 'short'
  /** Offsets behind the end of a text, before its begin, the wrong way round, or none. */
  | 'far'
  | 'negative'
  | 'reversed'
  | 'fractional'
  /** An answer without an end. */
  | 'endless'
  /** No answer. */
  | 'silent'
  | 'redirecting'
  /** The connection is cut. */
  | 'cut'
  /** Knows no people. */
  | 'unable';

export interface ReceivedQuestion {
  readonly headers: IncomingMessage['headers'];
  readonly body: Readonly<Record<string, unknown>>;
}

export interface PresidioStandIn {
  /** Without a slash at its end. */
  readonly url: string;
  /** What places under `/switched` do. */
  behaviour: Behaviour;
  received(place: string): readonly ReceivedQuestion[];
  close(): Promise<void>;
}

export async function startPresidioStandIn(): Promise<PresidioStandIn> {
  const questions = new Map<string, ReceivedQuestion[]>();
  const standIn = { behaviour: 'well' as Behaviour };
  const server = createServer((request, response) => {
    const [, how = '', place = '', what = ''] = (request.url ?? '').split(/[/?]/);
    const behaviour = how === 'switched' ? standIn.behaviour : (how as Behaviour);
    answer(request, response, behaviour, what, (question) => {
      questions.set(place, [...(questions.get(place) ?? []), question]);
    }).catch(() => response.destroy());
    if (what === 'received') send(response, 200, questions.get(place) ?? []);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get behaviour() {
      return standIn.behaviour;
    },
    set behaviour(behaviour) {
      standIn.behaviour = behaviour;
    },
    received: (place) => questions.get(place) ?? [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  behaviour: Behaviour,
  what: string,
  keep: (question: ReceivedQuestion) => void,
): Promise<void> {
  if (what === 'received') return;
  if (behaviour === 'cut') return void request.socket.destroy();
  const { authorization, 'cf-access-client-id': id } = request.headers;
  if (behaviour === 'guarded' && (authorization !== 'Bearer analyzer-token' || id !== 'service')) {
    return send(response, 403, { error: 'who is there?' });
  }
  if (what === 'supportedentities' && request.method === 'GET') {
    const names = Object.keys(KNOWN).filter((name) => behaviour !== 'unable' || name !== 'PERSON');
    return send(response, 200, names);
  }
  if (what !== 'analyze' || request.method !== 'POST')
    return send(response, 404, { error: 'Not Found' });
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  const body = JSON.parse(text) as Record<string, unknown>;
  keep({ headers: request.headers, body });
  switch (behaviour) {
    case 'failing':
      return send(response, 500, { error: 'A fatal error occurred' });
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end('<html>');
      return;
    case 'shapeless':
      return send(response, 200, { findings: [] });
    case 'silent':
      return;
    case 'redirecting':
      response.writeHead(307, { location: 'http://127.0.0.1:9/analyze' }).end();
      return;
    case 'endless':
      response.writeHead(200, { 'content-type': 'application/json' });
      return pour(response);
    default:
      return analyzed(response, behaviour, body);
  }
}

function analyzed(
  response: ServerResponse,
  behaviour: Behaviour,
  body: Readonly<Record<string, unknown>>,
): void {
  const { text, language, entities, score_threshold: threshold } = body;
  if (text === undefined || text === '' || (Array.isArray(text) && text.length === 0))
    return send(response, 500, { error: 'No text provided' });
  if (language === undefined) return send(response, 500, { error: 'No language provided' });
  if (language !== 'en')
    return send(response, 500, {
      error: 'No matching recognizers were found to serve the request.',
    });
  const wanted = (entities as string[] | undefined) ?? Object.keys(KNOWN);
  if (!wanted.some((name) => Object.hasOwn(KNOWN, name)))
    return send(response, 500, {
      error: 'No matching recognizers were found to serve the request.',
    });
  const texts = [text].flat() as string[];
  const lists = texts.map((each) => findings(each, wanted, Number(threshold ?? 0)));
  if (behaviour === 'short') lists.pop();
  for (const finding of lists.flat()) spoil(finding, behaviour);
  send(response, 200, Array.isArray(text) ? lists : lists[0]);
}

interface Finding {
  readonly analysis_explanation: null;
  end: number;
  readonly entity_type: string;
  readonly score: number;
  start: number;
}

function findings(text: string, wanted: readonly string[], threshold: number): Finding[] {
  if (threshold > SCORE) return [];
  return wanted.flatMap((name) =>
    (KNOWN[name] ?? []).flatMap((value) => {
      const found: Finding[] = [];
      for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + 1)) {
        const start = Array.from(text.slice(0, at)).length;
        const end = start + Array.from(value).length;
        found.push({ analysis_explanation: null, end, entity_type: name, score: SCORE, start });
      }
      return found;
    }),
  );
}

function spoil(finding: Finding, behaviour: Behaviour): void {
  if (behaviour === 'far') finding.end += 100_000;
  if (behaviour === 'negative') finding.start = -1;
  if (behaviour === 'fractional') finding.start += 0.5;
  if (behaviour === 'reversed') [finding.start, finding.end] = [finding.end, finding.start];
}

function pour(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(`[[${'[],'.repeat(20_000)}`));
  };
  response.on('drain', more);
  more();
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
