// The analyzer of Presidio over its REST API: POST /analyze with a list of texts answers a list of findings for each
// (presidio-analyzer/app.py; the API document is docs/api-docs/api-docs.yml there). Its offsets count Python's characters,
// which are code points. An entity that its recognizers do not know is left out without a word, so GET /supportedentities
// is asked first.
import type { ModelEntity, ModelFinding } from '../core/masking/detect/model.ts';
import type { PolicyModel } from '../core/policy/model.ts';
import { AnalyzerAway, AnalyzerFailure } from './analyzer-failure.ts';
import type { Piece } from './analyzer-pieces.ts';
import { secret, type Env } from './env.ts';

type Presidio = Extract<PolicyModel, { kind: 'presidio' }>;

/** What one answer may have. A finding takes about 120 bytes. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** What an analyzer supports changes with its configuration only. */
const SUPPORTED_FOR_MS = 5 * 60_000;

/**
 * Presidio's names (docs/supported_entities.md there). Postal addresses and dates of birth have none of their own: a recognizer
 * that somebody added is asked where it is there, and the wider entity in any case.
 */
const NAMES: Readonly<Record<ModelEntity, readonly string[]>> = {
  person: ['PERSON'],
  address: ['LOCATION', 'ADDRESS', 'STREET_ADDRESS'],
  location: ['LOCATION'],
  organization: ['ORGANIZATION'],
  date_of_birth: ['DATE_TIME', 'DATE_OF_BIRTH'],
};

const supported = new Map<
  string,
  { readonly names: ReadonlySet<string>; readonly untilMs: number }
>();

/** @throws AnalyzerFailure, and what fetch throws. Findings of one piece after the other. */
export async function askPresidio(
  env: Env,
  model: Presidio,
  entities: readonly ModelEntity[],
  pieces: readonly Piece[],
  signal: AbortSignal,
): Promise<ModelFinding[][]> {
  const headers = headersFor(env, model);
  const known = await supportedBy(model, headers, signal);
  const wanted = new Map<string, ModelEntity[]>();
  for (const entity of entities) {
    const names = NAMES[entity].filter((name) => known.has(name));
    if (names.length === 0) throw new AnalyzerFailure(`${model.id} cannot find ${entity}`);
    for (const name of names) wanted.set(name, [...(wanted.get(name) ?? []), entity]);
  }
  const answer = await asked(`${model.url}/analyze`, signal, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({
      // Half of a pair is no character to Python either, and would fail the whole list.
      text: pieces.map(({ text }) => text.toWellFormed()),
      language: model.language,
      entities: [...wanted.keys()],
      score_threshold: model.threshold,
      context: wordsOf(pieces[0]?.context ?? ''),
    }),
  });
  if (!Array.isArray(answer) || answer.length !== pieces.length) {
    throw new AnalyzerFailure('the analyzer did not answer with a list for each text');
  }
  return pieces.map(({ text }, at) => findingsIn(text, answer[at], wanted));
}

/** Whether its secrets are there. */
export function presidioIsSet(env: Env, { access, token }: Presidio): boolean {
  return [access, token].every((name) => name === null || secret(env, name) !== null);
}

function headersFor(env: Env, { access, token }: Presidio): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'postern' };
  if (token !== null) headers['authorization'] = `Bearer ${named(env, token)}`;
  if (access !== null) {
    const value = named(env, access);
    const colon = value.indexOf(':');
    if (colon < 1) throw new AnalyzerFailure(`secret ${access} is not set to id:secret`);
    headers['CF-Access-Client-Id'] = value.slice(0, colon);
    headers['CF-Access-Client-Secret'] = value.slice(colon + 1);
  }
  return headers;
}

function named(env: Env, name: string): string {
  const value = secret(env, name);
  if (value === null) throw new AnalyzerFailure(`secret ${name} is not set`);
  return value;
}

async function supportedBy(
  { url, language }: Presidio,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const address = `${url}/supportedentities?language=${encodeURIComponent(language)}`;
  const now = Date.now();
  const known = supported.get(address);
  if (known !== undefined && now < known.untilMs) return known.names;
  const answer = await asked(address, signal, { method: 'GET', headers });
  if (!Array.isArray(answer) || !answer.every((name) => typeof name === 'string')) {
    throw new AnalyzerFailure('the analyzer does not say what it supports');
  }
  const names = new Set<string>(answer);
  supported.set(address, { names, untilMs: now + SUPPORTED_FOR_MS });
  return names;
}

/** JSON of a bounded answer. Redirects would take our tokens and the texts elsewhere. */
async function asked(url: string, signal: AbortSignal, init: RequestInit): Promise<unknown> {
  const response = await reached(url, { ...init, redirect: 'manual', signal });
  if (!response.ok) {
    await response.body?.cancel();
    throw new AnalyzerFailure(`the analyzer answered ${response.status}`);
  }
  const text = await boundedText(response);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new AnalyzerFailure('the analyzer did not answer with JSON');
  }
}

async function reached(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const { name } = error instanceof Error ? error : { name: 'unknown' };
    // One that is slow is there: a long text must not shut it to everybody.
    if (name === 'TimeoutError' || name === 'AbortError') throw error;
    throw new AnalyzerAway(`the analyzer cannot be reached (${name})`);
  }
}

async function boundedText(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    total += value.length;
    if (total > MAX_ANSWER_BYTES) {
      await reader.cancel();
      throw new AnalyzerFailure(`the analyzer answered more than ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function findingsIn(
  text: string,
  list: unknown,
  wanted: ReadonlyMap<string, readonly ModelEntity[]>,
): ModelFinding[] {
  if (!Array.isArray(list)) throw new AnalyzerFailure('the analyzer answered no list for a text');
  const offsetOf = offsets(text);
  return list.flatMap((finding: unknown) => {
    const { entity_type: name, start, end } = record(finding);
    if (typeof name !== 'string') throw new AnalyzerFailure('a finding without a type');
    const [from, to] = [offsetOf(start), offsetOf(end)];
    if (from === null || to === null || from >= to) {
      throw new AnalyzerFailure('a finding outside of its text');
    }
    // Others were not asked for: a proxy in front of the analyzer may know no `entities`.
    return (wanted.get(name) ?? []).map((entity) => ({ entity, start: from, end: to }));
  });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** From code points to UTF-16 code units; null for what is no offset in this text. */
function offsets(text: string): (at: unknown) => number | null {
  const units = [0];
  if (/[\u{10000}-\u{10FFFF}]/u.test(text)) {
    for (const character of text) units.push((units.at(-1) ?? 0) + character.length);
  }
  const length = units.length > 1 ? units.length - 1 : text.length;
  return (at) => {
    if (typeof at !== 'number' || !Number.isInteger(at) || at < 0 || at > length) return null;
    return units.length > 1 ? (units[at] ?? null) : at;
  };
}

/** The name of a column as the words that Presidio compares with those of its recognizers: `birthDate` is birth, date. */
function wordsOf(context: string): string[] {
  const words = context
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .toWellFormed()
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu);
  return (words ?? []).slice(0, 8);
}
