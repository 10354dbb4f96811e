// What an approval is bound to: everything that gives an action its effect, and nothing else, as one SHA-256. The same
// effect asked for again finds its approval whatever its comments, white space, case or claimed reason; any other effect
// does not. Byte for byte in docs/approvals.md, with test vectors.
//
// Besides the text, an SQL action is bound to what its names resolved to. Search path and text alone would not do: a caller
// may show an approver a DELETE on its own temporary table and drop that table before the statement runs.
import type { Crypto } from '../crypto.ts';
import type { ApprovalDemand } from '../decision.ts';
import type { SqlFacts } from '../facts.ts';
import { unreachable, type DenyCode, type Result } from '../failure.ts';
import { canonicalRequest } from '../http/canonical.ts';
import { canonicalSql, type CanonicalSql } from '../sql/canonical.ts';
import type { ParseFailure, ParseSql } from '../sql/parse.ts';
import { encode, Unencodable, type Encodable } from './encoding.ts';
import type { ActionContent, ApprovalRequest, SqlContent } from './request.ts';

export const ENVELOPE_NAME = 'postern.approval';
export const ENVELOPE_VERSION = 1;

/** The parts of a request that are bound. */
export type EnvelopeParts = Pick<
  ApprovalRequest,
  'principal' | 'target' | 'content' | 'facts' | 'demands' | 'policyHash'
>;

export interface Envelope {
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, 64 hex digits in lower case. */
  readonly digest: string;
}

export interface EnvelopeFailure {
  readonly code: DenyCode;
  /** One sentence for the caller. */
  readonly detail: string;
}

/** An action without an envelope cannot be approved, and so cannot run. */
export function envelope(
  parts: EnvelopeParts,
  parse: ParseSql,
  crypto: Pick<Crypto, 'sha256'>,
): Result<Envelope, EnvelopeFailure> {
  const content = encodableContent(parts.content, parts.facts, parse);
  if (!content.ok) return content;
  const { principal, target, demands, policyHash } = parts;
  let bytes: Uint8Array;
  try {
    bytes = encode([
      ENVELOPE_NAME,
      ENVELOPE_VERSION,
      [principal.id, principal.issuer],
      [target.id, target.kind],
      policyHash,
      demands.map(({ rule }) => rule).sort(),
      rowBound(demands),
      content.value,
    ]);
  } catch (error) {
    if (!(error instanceof Unencodable)) throw error;
    return unapprovable('It holds text or numbers that have no exact encoding.');
  }
  return { ok: true, value: { bytes, digest: hex(crypto.sha256(bytes)) } };
}

/** Rows an approved write may touch: the smallest bound that any rule sets; null when none does. */
export function rowBound(demands: readonly ApprovalDemand[]): number | null {
  const bounds = demands.flatMap(({ maxRows }) => maxRows ?? []);
  return bounds.length === 0 ? null : Math.min(...bounds);
}

function encodableContent(
  content: ActionContent,
  facts: SqlFacts | null,
  parse: ParseSql,
): Result<Encodable, EnvelopeFailure> {
  switch (content.kind) {
    case 'sql':
      return encodableSql(content, facts, parse);
    case 'connect':
      return { ok: true, value: ['connect', content.protocol, content.seconds] };
    case 'http':
      return { ok: true, value: canonicalRequest(content) };
    case 'mcp':
      return { ok: true, value: ['mcp', content.method, content.params, content.definition] };
    default:
      return unreachable(content);
  }
}

function encodableSql(
  content: SqlContent,
  facts: SqlFacts | null,
  parse: ParseSql,
): Result<Encodable, EnvelopeFailure> {
  const canonical = canonicalSql(parse, content.text);
  if (!canonical.ok) return unparsable(canonical.error);
  const { form, names, currentOf } = canonical.value;
  if (currentOf) return unapprovable('WHERE CURRENT OF depends on where the cursor stands.');
  for (const { kind, name } of names) {
    if (!content.stands.some((stand) => stand.kind === kind && stand.name === name)) {
      return unapprovable(`It runs the ${kind} statement ${name}, whose text is not known.`);
    }
  }
  if (content.bindFormats?.length !== content.binds?.length) {
    return unapprovable('Its parameters are not wholly known.');
  }
  const exact = readsItself(facts);
  const stands: Encodable[] = [];
  for (const stand of content.stands) {
    const text = canonicalSql(parse, stand.text);
    if (!text.ok) return unparsable(text.error);
    if (indirect(text.value)) return unapprovable('A prepared text runs another one.');
    stands.push([stand.kind, stand.name, text.value.form, exact ? stand.text : null]);
  }
  return {
    ok: true,
    value: [
      'sql',
      form,
      exact ? content.text : null,
      content.binds,
      content.bindTypes,
      content.bindFormats,
      content.searchPath,
      content.role,
      content.database,
      content.transaction,
      Object.entries(content.settings)
        .map(([name, value]): readonly [string, string] => [name.toLowerCase(), value])
        .filter(([name]) => exact || !INERT_SETTINGS.has(name))
        .sort(byName),
      stands,
      facts === null ? null : resolution(facts),
    ],
  };
}

/** What the names in the text stood for when the rules were asked. */
function resolution(facts: SqlFacts): Encodable {
  const { effect, reads, writes, columns, functions, settings, opaque } = facts;
  return [effect, reads, writes, columns, functions, settings, opaque];
}

/** Change what is said about a statement or how long it may take, never which rows it reaches. */
const INERT_SETTINGS: ReadonlySet<string> = new Set([
  'application_name',
  'client_min_messages',
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
]);

/** Functions and relations through which a statement can see its own text, comments included, or any setting. */
const SELF_READING: ReadonlySet<string> = new Set(
  [
    'current_query',
    'current_setting',
    'pg_cursor',
    'pg_cursors',
    'pg_prepared_statement',
    'pg_prepared_statements',
    'pg_settings',
    'pg_show_all_settings',
    'pg_stat_activity',
    'pg_stat_get_activity',
    'pg_stat_get_backend_activity',
  ].map((name) => `pg_catalog.${name}`),
);

/**
 * Whether comments can matter: `DELETE … WHERE id = f(current_query())` deletes what its own comment says. What is opaque
 * may do anything, and so may this.
 */
function readsItself(facts: SqlFacts | null): boolean {
  if (facts === null || facts.effect === 'opaque' || facts.opaque.length > 0) return true;
  return [...facts.functions, ...facts.reads].some((name) => SELF_READING.has(name));
}

function indirect({ names, currentOf }: CanonicalSql): boolean {
  return currentOf || names.length > 0;
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unparsable({ kind }: ParseFailure): Result<never, EnvelopeFailure> {
  switch (kind) {
    case 'too_large':
      return failure('sql_too_large', 'It is longer than the gateway inspects.');
    case 'syntax':
    case 'encoding':
    case 'unclassifiable':
      return failure('sql_unparsable', 'It is not SQL that the gateway can read.');
    default:
      return unreachable(kind);
  }
}

function unapprovable(why: string): Result<never, EnvelopeFailure> {
  return failure('approval_unavailable', `This cannot be approved. ${why}`);
}

function failure(code: DenyCode, detail: string): Result<never, EnvelopeFailure> {
  return { ok: false, error: { code, detail } };
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}
