// http_request of POST /mcp: the same door that HTTP clients come to, the same session, policy and journal; its answer in words.
import type { Context } from 'hono';
import {
  MAX_TOOL_BODY_CHARS,
  SHOWN_HEADERS,
  answeredText,
  type HttpRequestInput,
  type HttpRequestOutput,
} from '../core/mcp/http-request.ts';
import { refusalText } from '../core/mcp/refusal.ts';
import { failure } from '../core/call/outcome.ts';
import type { DoorEnv } from './door-env.ts';
import { requestAt } from './routes/http.ts';

type Door = Context<DoorEnv>;

export type HttpToolAnswer =
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'answered'; readonly output: HttpRequestOutput; readonly text: string };

/** Bytes of one body that are read at all. */
const MAX_READ_BYTES = 4 * MAX_TOOL_BODY_CHARS;

export async function httpRequest(
  c: Door,
  input: HttpRequestInput,
  origin: string,
  nonce: string,
): Promise<HttpToolAnswer> {
  const request = toRequest(input, origin);
  if (request === null) {
    const message = 'The request cannot be sent as it is written.';
    const hint =
      'Write the path plainly, percent-encoded, without dot segments; GET and HEAD have no body; json and body exclude each other.';
    return refused('request_refused', message, hint, input.target, nonce);
  }
  const response = await requestAt(c, input.target, request);
  const { text, truncated } = await bodyText(response);
  const { headers: said } = response;
  if (said.get('x-postern-answer') === 'gateway' || !said.has('x-postern-session')) {
    return ofGateway(response, text, input.target, nonce);
  }
  const output: HttpRequestOutput = {
    state: 'answered',
    next: 'The target has answered.',
    session: response.headers.get('x-postern-session') ?? '',
    approval: null,
    status: response.status,
    headers: Object.fromEntries(
      SHOWN_HEADERS.flatMap((name) => {
        const value = response.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    ),
    body: text,
    truncated,
    masked: response.headers.has('x-postern-masked'),
  };
  return { kind: 'answered', output, text: answeredText(output, input.target, nonce) };
}

function toRequest(input: HttpRequestInput, origin: string): Request | null {
  const url = requestUrl(origin, input);
  const { method, json, body } = input;
  const both = json !== undefined && body !== undefined;
  const bodiless = method === 'GET' || method === 'HEAD';
  if (url === null || both || (bodiless && (json !== undefined || body !== undefined))) return null;
  try {
    const headers = new Headers(input.headers ?? {});
    if (json !== undefined && !headers.has('content-type')) {
      headers.set('content-type', 'application/json');
    }
    const sent = json === undefined ? (body ?? null) : JSON.stringify(json);
    return new Request(url, { method, headers, body: sent });
  } catch {
    // A header that is none; fetch's own words may quote it.
    return null;
  }
}

/** The URL at the gateway; null where a URL parser would read another path out of it than is written. */
function requestUrl(origin: string, { target, path, query }: HttpRequestInput): string | null {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    [value].flat().map((each): [string, string] => [name, each]),
  );
  const search = pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
  const written = `${origin}/http/${target}${path}${search}`;
  return URL.canParse(written) && new URL(written).href === written ? written : null;
}

/** What the gateway itself says: held for people, or refused. */
function ofGateway(
  response: Response,
  text: string,
  target: string,
  nonce: string,
): HttpToolAnswer {
  const said = members(text);
  const string = (name: string): string => {
    const value = said[name];
    return typeof value === 'string' ? value : '';
  };
  if (response.status !== 202) {
    const seconds = Number(response.headers.get('retry-after'));
    const told = failure(string('code'), string('detail'), {
      hint: string('hint'),
      rule: string('rule') === '' ? null : string('rule'),
      ...(seconds > 0 && { retryAfterSeconds: seconds }),
    });
    return { kind: 'refused', text: refusalText(told, target, null, nonce) };
  }
  const approval = { id: string('approval'), url: string('link') };
  const next = `A person has to agree first; nothing was sent. Show them ${approval.url} and, once they have, call http_request again with exactly the same arguments: it runs then, once.`;
  const output: HttpRequestOutput = {
    state: 'pending',
    next,
    session: response.headers.get('x-postern-session') ?? '',
    approval,
    status: null,
    headers: {},
    body: null,
    truncated: false,
    masked: false,
  };
  return { kind: 'answered', output, text: `State: pending. ${next}` };
}

function refused(
  code: string,
  message: string,
  hint: string,
  target: string,
  nonce: string,
): HttpToolAnswer {
  return {
    kind: 'refused',
    text: refusalText(failure(code, message, { hint }), target, null, nonce),
  };
}

function members(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

async function bodyText(response: Response): Promise<{ text: string; truncated: boolean }> {
  if (response.body === null) return { text: '', truncated: false };
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    text += decoder.decode(chunk, { stream: true });
    // Leaving the loop gives the rest up, and the target's connection with it.
    if (bytes > MAX_READ_BYTES || text.length > MAX_TOOL_BODY_CHARS) break;
  }
  const truncated = text.length > MAX_TOOL_BODY_CHARS;
  const shown = text.slice(0, MAX_TOOL_BODY_CHARS).replace(/[\uD800-\uDBFF]$/, '');
  return { text: shown, truncated };
}
