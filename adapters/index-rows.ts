// Journal events turned into rows of the index. Plain functions over a batch of consecutive events; totals come in and go
// out, so that the same batch over the same totals always gives the same rows and a repeated shipment changes nothing.
import type { HttpFacts } from '../core/facts.ts';
import { eventContent } from '../core/audit/chain.ts';
import type { ChainedEvent, DecisionRecord, SessionEvent } from '../core/audit/event.ts';
import { nativeCrypto } from './crypto.ts';
import type { Totals } from './journal-shipping.ts';
import type { ActionRow, SessionRow } from './schema.ts';

/** Statement text kept in the index, in UTF-16 units; the recording has the whole. */
const MAX_STATEMENT_LENGTH = 4096;
/** A D1 row holds 2 MB; longer lists stay in the recording. */
const MAX_FACTS_LENGTH = 64 * 1024;
const MAX_TABLES_LENGTH = 1024 * 1024;

type Start = Extract<SessionEvent, { kind: 'session.start' }>;
type Statement = Extract<SessionEvent, { kind: 'statement' }>;
type Intent = Extract<SessionEvent, { kind: 'intent' }>;
type Request = Extract<SessionEvent, { kind: 'request' }>;
type Call = Extract<SessionEvent, { kind: 'call' }>;
type Outcome = Extract<SessionEvent, { kind: 'outcome' }>;

/** An outcome whose intent is in an earlier batch: completes the row that is there. */
export interface LateOutcome {
  readonly action: number;
  readonly at: number;
  readonly outcome: string;
  readonly rows: number;
  readonly bytes: number;
  readonly error: string | null;
  readonly digest: string | null;
}

export interface IndexBatch {
  readonly session: SessionRow;
  readonly actions: readonly ActionRow[];
  readonly tables: readonly { readonly action: number; readonly tableName: string }[];
  readonly outcomes: readonly LateOutcome[];
}

export interface Sources {
  /** The session's first event. */
  readonly start: ChainedEvent;
  /** Finds a statement that is not in the batch. */
  statement(number: number): ChainedEvent | null;
}

/** `events` follow on those that `totals` sums up; at least one. `now` is when the gateway heard of the session. */
export function indexRows(
  events: readonly ChainedEvent[],
  sources: Sources,
  totals: Totals,
  now: number,
): { readonly batch: IndexBatch; readonly totals: Totals } {
  const start = content(sources.start) as Start;
  const actions = new Map<number, ActionRow>();
  const tables: { action: number; tableName: string }[] = [];
  const outcomes: LateOutcome[] = [];
  const statements = new Map<number, StatementColumns>();
  const sums = { ...totals, rules: new Set(totals.rules) };
  let ended: { readonly at: number; readonly code: string } | null = null;

  /** Worked out once a batch, however often the statement runs. */
  const statementOf = (number: number): StatementColumns => {
    const known = statements.get(number);
    if (known !== undefined) return known;
    const found = sources.statement(number);
    const columns = statementColumns(found === null ? null : (content(found) as Statement));
    statements.set(number, columns);
    return columns;
  };

  const count = ({ kind, rules }: DecisionRecord): void => {
    sums.actions += 1;
    if (kind === 'deny') sums.refused += 1;
    for (const rule of rules) sums.rules.add(rule);
  };

  for (const chained of events) {
    const event = eventContent(chained.json) as unknown as SessionEvent | null;
    switch (event?.kind) {
      case 'statement':
        statements.set(event.statement, statementColumns(event));
        break;
      case 'intent': {
        const { allTables, ...columns } = statementOf(event.statement);
        const { via } = event;
        actions.set(event.action, actionRow(start.session, chained.at, event, { via, ...columns }));
        for (const tableName of allTables) tables.push({ action: event.action, tableName });
        count(event.decision);
        break;
      }
      case 'request': {
        const columns = { via: HTTP_VIA, ...requestColumns(event) };
        actions.set(event.action, actionRow(start.session, chained.at, event, columns));
        count(event.decision);
        break;
      }
      case 'call': {
        const columns = { via: MCP_VIA, ...callColumns(event) };
        actions.set(event.action, actionRow(start.session, chained.at, event, columns));
        count(event.decision);
        break;
      }
      case 'outcome': {
        const row = actions.get(event.action);
        if (row === undefined) outcomes.push(lateOutcome(chained.at, event));
        else actions.set(event.action, completed(row, chained.at, event));
        sums.rows += event.rows;
        sums.bytes += event.bytes;
        break;
      }
      case 'session.end':
        ended = { at: chained.at, code: event.code };
        break;
      default:
        break; // the other kinds have no row of their own
    }
  }

  const after: Totals = { ...sums, rules: [...sums.rules].sort() };
  const last = events.at(-1);
  const session: SessionRow = {
    id: start.session,
    target: start.target,
    protocol: start.protocol,
    principalId: start.principal.id,
    principalKind: start.principal.kind,
    groups: start.principal.groups,
    clientName: start.client.name,
    clientAddress: start.client.address,
    country: start.client.country,
    revision: start.revision,
    startedAt: sources.start.at,
    endedAt: ended?.at ?? null,
    endCode: ended?.code ?? null,
    seenAt: now,
    ...after,
    events: last?.seq ?? 0,
    headHash: last?.hash ?? '',
    recordingKey: null,
  };
  return { batch: { session, actions: [...actions.values()], tables, outcomes }, totals: after };
}

/** `via` of a request. Whoever reads `facts` tells by it which kind they are. */
export const HTTP_VIA = 'http';
export const MCP_VIA = 'mcp';

/** What an action is about. */
type ContentColumns = Pick<
  ActionRow,
  'statement' | 'truncated' | 'statementDigest' | 'effect' | 'verbs' | 'tables' | 'facts'
>;

/** What a statement gives to every action that runs it. */
type StatementColumns = ContentColumns & { readonly allTables: ReadonlySet<string> };

function statementColumns(statement: Statement | null): StatementColumns {
  const text = statement?.text ?? '';
  const facts = statement?.facts ?? null;
  return {
    statement: shortened(text),
    truncated: text.length > MAX_STATEMENT_LENGTH,
    statementDigest: digestOf(text),
    // Without its statement nothing is known of an action: the gravest word stands.
    effect: facts?.effect ?? 'opaque',
    verbs: facts?.verbs ?? [],
    tables: fitting(facts?.tables ?? [], MAX_TABLES_LENGTH),
    facts: JSON.stringify(facts).length <= MAX_FACTS_LENGTH ? facts : null,
    allTables: new Set(facts?.tables),
  };
}

/** A request names no tables: it is found by its method and path (audit-index.ts). */
function requestColumns({ method, path, query, facts }: Request): ContentColumns {
  const text = `${method} ${path}${query === null ? '' : `?${query}`}`;
  return {
    statement: shortened(text),
    truncated: text.length > MAX_STATEMENT_LENGTH,
    statementDigest: digestOf(text),
    effect: requestEffect(facts),
    verbs: [method],
    tables: [],
    facts: JSON.stringify(facts).length <= MAX_FACTS_LENGTH ? facts : null,
  };
}

/** A message to an MCP server is found by its method and what it names. */
function callColumns({ method, facts }: Call): ContentColumns {
  const name = facts === null ? '' : facts.tool || facts.prompt || facts.resource;
  const text = `${method} ${name}`.trimEnd();
  return {
    statement: shortened(text),
    truncated: text.length > MAX_STATEMENT_LENGTH,
    statementDigest: digestOf(text),
    effect: facts === null || facts.opaque.length > 0 ? 'opaque' : '',
    verbs: [method],
    tables: [],
    facts: JSON.stringify(facts).length <= MAX_FACTS_LENGTH ? facts : null,
  };
}

/** Of most requests nobody can know it. */
function requestEffect(facts: HttpFacts | null): string {
  if (facts === null || facts.opaque.length > 0) return 'opaque';
  return facts.graphql?.operation ?? '';
}

function actionRow(
  sessionId: string,
  at: number,
  { action, decision }: Intent | Request | Call,
  content: ContentColumns & Pick<ActionRow, 'via'>,
): ActionRow {
  return {
    sessionId,
    action,
    at,
    ...content,
    decision: decision.kind,
    rules: decision.rules,
    code: decision.code,
    revision: decision.revision,
    outcome: null,
    rows: null,
    bytes: null,
    durationMs: null,
    error: null,
    digest: null,
  };
}

function completed(row: ActionRow, at: number, outcome: Outcome): ActionRow {
  const { rows, bytes, error, digest } = outcome;
  return { ...row, outcome: outcome.outcome, rows, bytes, durationMs: at - row.at, error, digest };
}

function lateOutcome(at: number, event: Outcome): LateOutcome {
  const { action, outcome, rows, bytes, error, digest } = event;
  return { action, at, outcome, rows, bytes, error, digest };
}

/** Never half a surrogate pair: D1 would store a replacement character. */
function shortened(text: string): string {
  return text.length <= MAX_STATEMENT_LENGTH
    ? text
    : text.slice(0, MAX_STATEMENT_LENGTH).replace(/[\uD800-\uDBFF]$/, '');
}

function fitting(names: readonly string[], maxLength: number): readonly string[] {
  let length = 0;
  const end = names.findIndex((name) => (length += name.length + 3) > maxLength);
  return end === -1 ? names : names.slice(0, end);
}

function digestOf(text: string): string {
  const digest = nativeCrypto.digest();
  digest.update(new TextEncoder().encode(text));
  return digest.hex();
}

/** The journal's own events: this gateway wrote them, and their hashes are checked where they are read back. */
function content(event: ChainedEvent): SessionEvent {
  return JSON.parse(event.json) as SessionEvent;
}
