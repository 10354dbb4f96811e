// One message of a caller to an MCP server, read for judgement and written anew for sending: what is judged, shown to people
// and sent are the same members of the same parsed value, so no two parsers can differ about it. What has two readings, or
// members that are not known here, is refused. JSON-RPC 2.0; headers are headers.ts's.
import { canonicalJson } from '../audit/canonical.ts';
import { decodeUtf8 } from '../bytes.ts';
import type { Json, McpFacts } from '../facts.ts';
import { readJsonText, type JsonDoubt } from '../http/json-body.ts';
import { knownMethod } from './methods.ts';

export type RpcId = string | number;
export type JsonObject = { readonly [key: string]: Json };

/** Why a message is refused before any rule is asked. */
export type MessageCode =
  | 'mcp_message' // no JSON-RPC request or notification
  | 'mcp_batch'
  | `mcp_${JsonDoubt}`
  | 'mcp_method' // a method that never passes
  | 'mcp_params'; // members that never pass, or of another type than they have

export interface Message {
  /** Null: a notification. */
  readonly id: RpcId | null;
  readonly method: string;
  /** As it is sent: without capabilities of the client that the gateway does not pass on, and with known `_meta` only. */
  readonly params: JsonObject;
  /** Canonical JSON of `params` without `_meta`: what gives the message its effect. */
  readonly effect: string;
  /** What `_meta` claims as the revision; null where it claims none. */
  readonly revision: string | null;
  readonly facts: McpFacts;
}

export type ReadMessage =
  | { readonly ok: true; readonly value: Message }
  | {
      readonly ok: false;
      readonly code: MessageCode;
      /** Of the message, where it has a certain one. */
      readonly id: RpcId | null;
      /** What it says it is; empty where it says nothing certain. */
      readonly method: string;
    };

/** Longer names and ids are somebody's attempt at something. Characters. */
const MAX_ID_CHARS = 256;
const MAX_NAME_CHARS = 1_024;
const MAX_URI_CHARS = 8_192;

const META_PREFIX = 'io.modelcontextprotocol/';
const REVISION_KEY = `${META_PREFIX}protocolVersion`;
const CAPABILITIES_KEY = `${META_PREFIX}clientCapabilities`;
/** What of `_meta` goes on; the rest is dropped, since a server may act on it and no rule sees it. */
const META_KEYS: ReadonlySet<string> = new Set([
  'progressToken',
  REVISION_KEY,
  CAPABILITIES_KEY,
  `${META_PREFIX}clientInfo`,
  `${META_PREFIX}logLevel`,
]);

export function readMessage(bytes: Uint8Array): ReadMessage {
  const text = decodeUtf8(bytes);
  if (text === null) return failed('mcp_json_text');
  const read = readJsonText(text);
  if (!read.ok) return failed(`mcp_${read.doubt}`);
  if (isList(read.value)) return failed('mcp_batch');
  if (!isObject(read.value)) return failed('mcp_message');
  const { jsonrpc, id = null, method, params = {}, ...more } = read.value;
  const certain = isId(id) ? id : null;
  const fail = (code: MessageCode): ReadMessage => failed(code, certain, named(method));
  // `id: null` is neither a request nor a notification; `result` and `error` are answers, which servers may not ask for here.
  const shaped = jsonrpc === '2.0' && typeof method === 'string' && Object.keys(more).length === 0;
  if (!shaped || (Object.hasOwn(read.value, 'id') && certain === null)) return fail('mcp_message');
  const known = knownMethod(method);
  if (known === null) return fail('mcp_method');
  if (known.notification !== (certain === null)) return fail('mcp_message');
  if (!isObject(params)) return fail('mcp_params');
  const { _meta = {}, ...own } = params;
  if (!isObject(_meta) || Object.keys(own).some((key) => !known.params.includes(key))) {
    return fail('mcp_params');
  }
  const facts = factsOf(method, own);
  const meta = keptMeta(_meta);
  if (facts === null || meta === null) return fail('mcp_params');
  // Whoever has none is asked nothing: sampling, elicitation and roots do not lead through the gateway.
  const effective = method === 'initialize' ? { ...own, capabilities: {} } : own;
  const revision = meta[REVISION_KEY];
  return {
    ok: true,
    value: {
      id: certain,
      method,
      params: Object.keys(meta).length === 0 ? effective : { ...effective, _meta: meta },
      effect: canonicalJson(effective),
      revision: typeof revision === 'string' ? revision : null,
      facts,
    },
  };
}

/** Null where members are not of the type they have. */
function factsOf(method: string, params: JsonObject): McpFacts | null {
  const facts = { method, tool: '', arguments: {}, resource: '', prompt: '', opaque: [] };
  switch (method) {
    case 'tools/call': {
      const { name, arguments: given = {} } = params;
      if (!isName(name) || !isObject(given)) return null;
      return { ...facts, tool: name, arguments: given };
    }
    case 'prompts/get': {
      const { name, arguments: given = {} } = params;
      if (!isName(name) || !isObject(given)) return null;
      return { ...facts, prompt: name, arguments: given };
    }
    case 'resources/read':
    case 'resources/subscribe': {
      const { uri } = params;
      return isUri(uri) ? { ...facts, resource: uri } : null;
    }
    case 'completion/complete':
      return completionFacts(facts, params);
    case 'initialize': {
      const { protocolVersion, clientInfo } = params;
      return typeof protocolVersion === 'string' && isObject(clientInfo ?? null) ? facts : null;
    }
    case 'notifications/cancelled':
      return isId(params['requestId'] ?? null) ? facts : null;
    default: {
      const { cursor = '', level = '' } = params;
      return typeof cursor === 'string' && typeof level === 'string' ? facts : null;
    }
  }
}

/** What is being completed: one argument of a prompt, or of a resource's template. */
function completionFacts(
  facts: McpFacts,
  { ref, argument, context = {} }: JsonObject,
): McpFacts | null {
  if (!isObject(ref) || !isObject(argument) || !isObject(context)) return null;
  const { name, value } = argument;
  if (typeof name !== 'string' || typeof value !== 'string') return null;
  const given = { [name]: value };
  const { type, name: prompt, uri } = ref;
  if (type === 'ref/prompt' && isName(prompt)) return { ...facts, prompt, arguments: given };
  if (type === 'ref/resource' && isUri(uri)) return { ...facts, resource: uri, arguments: given };
  return null;
}

/** Null where a member is not of its type. */
function keptMeta(meta: JsonObject): JsonObject | null {
  const kept: Record<string, Json> = {};
  for (const [key, value] of Object.entries(meta)) {
    if (!META_KEYS.has(key)) continue;
    if (key === 'progressToken' && !isId(value)) return null;
    if (key === REVISION_KEY && typeof value !== 'string') return null;
    kept[key] = key === CAPABILITIES_KEY ? {} : value;
  }
  return kept;
}

/** `_meta` of a message of the gateway's own, where the revision asks for one. */
export function ownMeta(revision: string, version: string): JsonObject {
  return {
    [REVISION_KEY]: revision,
    [CAPABILITIES_KEY]: {},
    [`${META_PREFIX}clientInfo`]: { name: 'postern', version },
  };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isId(value: unknown): value is RpcId {
  return typeof value === 'string' ? value.length <= MAX_ID_CHARS : Number.isSafeInteger(value);
}

/** To the letter: `Refund`, `refund ` and a look-alike are other names, which no rule and no list has. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_CHARS;
}

function isUri(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]+$/.test(value) && value.length <= MAX_URI_CHARS;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function named(method: unknown): string {
  return typeof method === 'string' ? method.slice(0, MAX_NAME_CHARS) : '';
}

function failed(code: MessageCode, id: RpcId | null = null, method = ''): ReadMessage {
  return { ok: false, code, id, method };
}
