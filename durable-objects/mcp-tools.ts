// What tools a server has, as it says itself: all pages of tools/list, asked with the gateway's credential in the caller's
// session there. Kept for a minute, so that a call is held to the definition that was there shortly before it; a server that
// changes a tool between the two can still do so within that minute, as it could change what the tool does.
import { nativeCrypto } from '../adapters/crypto.ts';
import type { UpstreamRequest, UpstreamResponse } from '../adapters/http-upstream.ts';
import { concatBytes, decodeUtf8, toHex, utf8 } from '../core/bytes.ts';
import { createHider } from '../core/http/hidden.ts';
import { valuesOf } from '../core/http/header-list.ts';
import { parseExact } from '../core/mcp-target/answer.ts';
import { definitionOf, type Definition } from '../core/mcp-target/definition.ts';
import { createEventReader } from '../core/mcp-target/event-stream.ts';
import { sentHeaders } from '../core/mcp-target/headers.ts';
import { isObject, ownMeta, type JsonObject } from '../core/mcp-target/message.ts';
import { HEADER_REVISION } from '../core/mcp-target/methods.ts';
import type { McpTarget } from '../core/policy/policy.ts';
import { version } from '../package.json';

/** The caller's place at the server. */
export interface Voice {
  readonly principal: string;
  readonly revision: string | null;
  /** The server's own id. */
  readonly session: string | null;
}

const KEPT_MS = 60_000;
const MAX_KEPT = 200;
const MAX_PAGES = 20;
const MAX_TOOLS = 2_000;
/** Of one page, and of all: they are parsed and hashed whole. */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;
const MAX_LIST_BYTES = 8 * 1024 * 1024;
/** Of all pages. The caller's call waits for it. */
const TIMEOUT_MS = 20_000;

interface Kept {
  readonly at: number;
  readonly definitions: readonly Definition[];
}

/** In the order of their arrival; of the tools that the policy names only. */
const kept = new Map<string, Kept>();

function keyOf({ id, scheme, host, port, base, mcp }: McpTarget, voice: Voice): string {
  const named = JSON.stringify([...mcp.tools]);
  const place = [id, scheme, host, port, base, voice.principal, voice.session, named];
  return toHex(nativeCrypto.sha256(utf8(JSON.stringify(place))));
}

/** The server has said that its tools change. */
export function forgetTools(target: McpTarget, voice: Voice): void {
  kept.delete(keyOf(target, voice));
}

/** The address is the endpoint itself: nothing is below it, not even a slash. */
export function endpointPath({ base }: McpTarget): string {
  return base === '' ? '/' : base;
}

export function endpointOrigin(target: McpTarget): McpTarget {
  return { ...target, base: '' };
}

/** Throws where there is no answer. */
export type Send = (request: Omit<UpstreamRequest, 'signal'>) => Promise<UpstreamResponse>;

/** `fresh`: whatever is kept. Null: the server cannot be asked, or answers what is no list. */
export async function toolsOf(
  target: McpTarget,
  voice: Voice,
  fresh: boolean,
  send: Send,
): Promise<readonly Definition[] | null> {
  const key = keyOf(target, voice);
  const known = kept.get(key);
  if (!fresh && known !== undefined && Date.now() - known.at < KEPT_MS) return known.definitions;
  kept.delete(key);
  let all: readonly Definition[] | null;
  try {
    all = await listed(endpointPath(target), voice, send);
  } catch (error) {
    const kind = error instanceof Error ? error.name : 'unknown';
    console.warn(JSON.stringify({ event: 'mcp_tools_unread', target: target.id, kind }));
    return null;
  }
  if (all === null) {
    console.warn(JSON.stringify({ event: 'mcp_tools_unread', target: target.id, kind: 'answer' }));
    return null;
  }
  const definitions = all.filter(({ name }) => target.mcp.tools.has(name));
  for (const [oldest] of kept) {
    if (kept.size < MAX_KEPT) break;
    kept.delete(oldest);
  }
  kept.set(key, { at: Date.now(), definitions });
  return definitions;
}

async function listed(
  path: string,
  voice: Voice,
  send: Send,
): Promise<readonly Definition[] | null> {
  const found: Definition[] = [];
  const seen = new Set<string>();
  const deadline = Date.now() + TIMEOUT_MS;
  let cursor: string | null = null;
  let bytes = 0;
  for (let page = 0; page < MAX_PAGES; page++) {
    const id = `postern-tools-${page}`;
    const result: JsonObject | null = await pageOf(path, id, cursor, voice, send, deadline);
    const tools: unknown = result?.['tools'];
    if (result === null || !Array.isArray(tools)) return null;
    for (const tool of tools) {
      const definition = definitionOf(tool, nativeCrypto);
      if (definition === null) return null;
      found.push(definition);
      bytes += JSON.stringify(definition.shown).length;
    }
    if (found.length > MAX_TOOLS || bytes > MAX_LIST_BYTES) return null;
    const next: unknown = result['nextCursor'];
    if (next === undefined || next === null) return found;
    // A list that goes round in circles has no end, and what is not wholly known is not known.
    if (typeof next !== 'string' || next.length > 4_096 || seen.has(next)) return null;
    seen.add(next);
    cursor = next;
  }
  return null;
}

async function pageOf(
  path: string,
  id: string,
  cursor: string | null,
  { revision, session }: Voice,
  send: Send,
  deadline: number,
): Promise<JsonObject | null> {
  const meta = revision === HEADER_REVISION ? { _meta: ownMeta(revision, version) } : {};
  const params = { ...(cursor === null ? {} : { cursor }), ...meta };
  const method = 'tools/list';
  const facts = { method, tool: '', arguments: {}, resource: '', prompt: '', opaque: [] };
  const answer = await send({
    method: 'POST',
    path,
    query: null,
    headers: sentHeaders({ method, facts, params }, { revision, session }, null),
    body: utf8(JSON.stringify({ jsonrpc: '2.0', id, method, params })),
    length: null,
    webSocket: false,
  });
  for await (const message of messagesOf(answer, deadline)) {
    if (!isObject(message) || message['id'] !== id) continue;
    const { result } = message;
    return isObject(result) ? result : null;
  }
  return null;
}

/** Messages of an answer of whichever of the two forms, until the deadline. Credentials in them are overwritten. */
async function* messagesOf(answer: UpstreamResponse, deadline: number): AsyncGenerator<unknown> {
  if (answer.status !== 200 || answer.body === null || answer.packed) {
    await answer.body?.cancel();
    return;
  }
  const [type = ''] = valuesOf(answer.headers, 'content-type');
  const events = /^text\/event-stream\s*(?:;|$)/i.test(type) ? createEventReader() : null;
  const hider = createHider(answer.secrets);
  const reader = answer.body.getReader();
  const timer = setTimeout(() => void reader.cancel(), Math.max(0, deadline - Date.now()));
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      const bytes = done ? (hider?.end() ?? new Uint8Array(0)) : (hider?.push(value) ?? value);
      size += bytes.length;
      if (size > MAX_PAGE_BYTES) return;
      if (events === null) chunks.push(bytes.slice());
      else for (const data of events.push(bytes)) yield parseExact(data);
      if (done) break;
    }
    if (events !== null) return;
    const text = decodeUtf8(concatBytes(chunks));
    if (text !== null) yield parseExact(text);
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => undefined); // it may have ended
  }
}
