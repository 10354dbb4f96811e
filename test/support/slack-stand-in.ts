// Slack, as its documentation describes it, on a port of this machine: chat.postMessage, chat.update and chat.postEphemeral
// check tokens, content types and message shapes, keep what was posted, and fail, hang or rate-limit when told to. Every
// token is a workspace of its own, so that test files do not meet. Driven from this process or, by tests inside workerd,
// over HTTP (slack-workspace.ts). docs.slack.dev/reference/methods, /apis/web-api, /apis/web-api/rate-limits.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { blockProblems } from './slack-blocks.ts';

/** How the next calls go wrong, one each. */
export type Mishap =
  /** HTTP 429 with Retry-After, as Slack's rate limits. */
  | { readonly kind: 'ratelimit'; readonly seconds: number }
  /** HTTP 200 with `ok: false`, as most of Slack's errors. */
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'status'; readonly status: number }
  /** The work is done, and the answer comes late or, after 30 s, never. */
  | { readonly kind: 'hang'; readonly ms: number }
  /** HTTP 200 with a page that is not JSON. */
  | { readonly kind: 'garbage' }
  /** The connection is cut before an answer. */
  | { readonly kind: 'cut' };

export interface PostedMessage {
  readonly channel: string;
  readonly ts: string;
  readonly text: string;
  readonly blocks: readonly Record<string, unknown>[];
  /** How often chat.update has replaced it. */
  readonly updates: number;
}

export interface Whisper {
  readonly channel: string;
  readonly user: string;
  readonly text: string;
}

/** What one token has seen and done. */
export interface Workspace {
  messages: PostedMessage[];
  whispers: Whisper[];
  /** Methods in the order they were called, refused calls included. */
  calls: { readonly method: string; readonly error: string | null }[];
  mishaps: Mishap[];
}

/** Tokens begin like this; every other is `invalid_auth`. */
export const TOKEN_PREFIX = 'xoxb-stand-in-';
/** Channels that exist, and the bot is a member of. */
const CHANNELS = /^C0[A-Z0-9]{1,20}$/;
const MAX_TEXT_CHARS = 40_000;

export interface SlackStandIn {
  /** The API's base URL, for the binding SLACK_API_URL. */
  readonly url: string;
  workspace(token: string): Workspace;
  close(): Promise<void>;
}

export async function startSlackStandIn(port = 0): Promise<SlackStandIn> {
  const workspaces = new Map<string, Workspace>();
  const workspace = (token: string): Workspace => {
    const known = workspaces.get(token);
    if (known !== undefined) return known;
    const fresh: Workspace = { messages: [], whispers: [], calls: [], mishaps: [] };
    workspaces.set(token, fresh);
    return fresh;
  };
  let lastTs = Math.floor(Date.now() / 1000) * 1_000_000;
  const nextTs = (): string => {
    lastTs += 1;
    return `${Math.floor(lastTs / 1_000_000)}.${String(lastTs % 1_000_000).padStart(6, '0')}`;
  };

  const server = createServer((request, response) => {
    void answer(request, response, workspace, nextTs).catch(() => {
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${portOf(server)}/api/`,
    workspace,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  workspace: (token: string) => Workspace,
  nextTs: () => string,
): Promise<void> {
  const body = await text(request);
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (url.pathname === '/control') {
    control(request.method ?? '', body, workspace(token), response);
    return;
  }
  const method = /^\/api\/([a-zA-Z.]+)$/.exec(url.pathname)?.[1] ?? '';
  if (!token.startsWith(TOKEN_PREFIX)) {
    json(response, 200, { ok: false, error: token === '' ? 'not_authed' : 'invalid_auth' });
    return;
  }
  const place = workspace(token);
  const mishap = place.mishaps.shift();
  switch (mishap?.kind) {
    case 'ratelimit':
      place.calls.push({ method, error: 'ratelimited' });
      json(
        response,
        429,
        { ok: false, error: 'ratelimited' },
        { 'retry-after': `${mishap.seconds}` },
      );
      return;
    case 'error':
      place.calls.push({ method, error: mishap.code });
      json(response, 200, { ok: false, error: mishap.code });
      return;
    case 'status':
      place.calls.push({ method, error: `http_${mishap.status}` });
      response.writeHead(mishap.status).end('upstream connect error');
      return;
    case 'garbage':
      place.calls.push({ method, error: 'garbage' });
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>maintenance</html>');
      return;
    case 'cut':
      place.calls.push({ method, error: 'cut' });
      response.destroy();
      return;
    case 'hang':
      await new Promise((resolve) => setTimeout(resolve, Math.min(mishap.ms, 30_000)));
      break;
    case undefined:
      break;
    default:
      throw new Error('no such mishap');
  }
  const result = call(request, method, body, place, nextTs);
  place.calls.push({ method, error: typeof result['error'] === 'string' ? result['error'] : null });
  json(response, 200, result);
}

/** GET: the workspace as it stands. POST: mishaps for the next calls. DELETE: as new. */
function control(verb: string, body: string, place: Workspace, response: ServerResponse): void {
  if (verb === 'POST') place.mishaps.push(...(JSON.parse(body) as Mishap[]));
  if (verb === 'DELETE')
    Object.assign(place, { messages: [], whispers: [], calls: [], mishaps: [] });
  json(response, 200, { ...place });
}

type Arguments = Record<string, unknown>;
type Result = Record<string, unknown>;

function call(
  request: IncomingMessage,
  method: string,
  body: string,
  place: Workspace,
  nextTs: () => string,
): Result {
  if (request.method !== 'POST') return refused('invalid_post_type');
  const parsed = parameters(request.headers['content-type'] ?? '', body);
  if (typeof parsed === 'string') return refused(parsed);
  switch (method) {
    case 'chat.postMessage':
      return post(parsed, place, nextTs);
    case 'chat.update':
      return update(parsed, place);
    case 'chat.postEphemeral':
      return whisper(parsed, place, nextTs);
    default:
      return refused('unknown_method');
  }
}

/** Arguments, or Slack's error: forms carry JSON values as text, JSON bodies as they are. */
function parameters(contentType: string, body: string): Arguments | string {
  const [type] = contentType.split(';');
  try {
    if (type === 'application/json') return JSON.parse(body) as Arguments;
    if (type !== 'application/x-www-form-urlencoded') return 'invalid_post_type';
    const form: Arguments = Object.fromEntries(new URLSearchParams(body));
    if (typeof form['blocks'] === 'string') form['blocks'] = JSON.parse(form['blocks']);
    return form;
  } catch {
    return type === 'application/json' ? 'json_not_object' : 'invalid_blocks_format';
  }
}

function post(given: Arguments, place: Workspace, nextTs: () => string): Result {
  const channel = word(given['channel']);
  if (!CHANNELS.test(channel)) return refused('channel_not_found');
  const content = contents(given);
  if ('refusal' in content) return content.refusal;
  const message: PostedMessage = { channel, ts: nextTs(), updates: 0, ...content };
  place.messages.push(message);
  return { ok: true, channel, ts: message.ts, message: { type: 'message', ...content } };
}

function update(given: Arguments, place: Workspace): Result {
  const channel = word(given['channel']);
  if (!CHANNELS.test(channel)) return refused('channel_not_found');
  const index = place.messages.findIndex((m) => m.channel === channel && m.ts === given['ts']);
  const known = place.messages[index];
  if (known === undefined) return refused('message_not_found');
  const content = contents(given);
  if ('refusal' in content) return content.refusal;
  place.messages[index] = { ...known, ...content, updates: known.updates + 1 };
  return { ok: true, channel, ts: known.ts, text: content.text };
}

function whisper(given: Arguments, place: Workspace, nextTs: () => string): Result {
  const channel = word(given['channel']);
  if (!CHANNELS.test(channel)) return refused('channel_not_found');
  const user = word(given['user']);
  if (!/^[UW]\w+$/.test(user)) return refused('user_not_in_channel');
  const content = contents(given);
  if ('refusal' in content) return content.refusal;
  place.whispers.push({ channel, user, text: content.text });
  return { ok: true, message_ts: nextTs() };
}

type Content = Pick<PostedMessage, 'text' | 'blocks'>;

function contents(given: Arguments): Content | { readonly refusal: Result } {
  const text = word(given['text']);
  const blocks = given['blocks'] ?? [];
  if (text === '' && given['blocks'] === undefined) return { refusal: refused('no_text') };
  if (text.length > MAX_TEXT_CHARS) return { refusal: refused('msg_too_long') };
  const problems = blockProblems(blocks);
  if (problems.length > 0) {
    return {
      refusal: { ...refused('invalid_blocks'), response_metadata: { messages: problems } },
    };
  }
  return { text, blocks: blocks as PostedMessage['blocks'] };
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function refused(error: string): Result {
  return { ok: false, error };
}

function json(
  response: ServerResponse,
  status: number,
  body: Result,
  headers: Record<string, string> = {},
): void {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
    .end(JSON.stringify(body));
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
