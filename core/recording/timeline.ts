// A recording as a story: one block per event, with its time since the start. Statements, requests and their values come
// from whoever was recorded, so everything that could repaint a terminal or reorder a line is made visible.
import { eventContent } from '../audit/chain.ts';
import type { ChainedEvent, SessionEvent } from '../audit/event.ts';
import { callLines } from './call-lines.ts';
import { requestLines } from './request-lines.ts';
import { INDENT, shortened } from './story.ts';
import { visible, visibleLine } from './visible.ts';

export interface Moment {
  /** Milliseconds since the session's first event. */
  readonly atMs: number;
  /** One headline, then indented lines. */
  readonly lines: readonly string[];
}

/** Characters of one bind value on the timeline; the recording has the whole. */
const MAX_BIND_LENGTH = 200;
/** Characters of a statement's text when it comes again. */
const MAX_REPEATED_LENGTH = 100;

/** An action that is under way. */
interface Begun {
  readonly at: number;
  readonly kind: 'statement' | 'request' | 'call';
}

type Event<K extends SessionEvent['kind']> = Extract<SessionEvent, { kind: K }>;

/** Tells one session's events, in order. Memory: its statements, and the actions that are under way. */
export function* timeline(events: Iterable<ChainedEvent>): Generator<Moment> {
  const teller = createTeller();
  for (const event of events) {
    const moment = teller(event);
    if (moment !== null) yield moment;
  }
}

/** As `timeline`, for events that come one by one. Null for an event that shows with a later one. */
export function createTeller(): (event: ChainedEvent) => Moment | null {
  const statements = new Map<number, string>();
  const told = new Set<number>();
  const begun = new Map<number, Begun>();
  let startedAt: number | null = null;

  const statementLines = (number: number): string[] => {
    const text = statements.get(number);
    if (text === undefined) return [`${INDENT}(statement ${number} is not in the recording)`];
    if (!told.has(number)) {
      told.add(number);
      return visible(text).map((line) => INDENT + line);
    }
    return [INDENT + shortened(text, MAX_REPEATED_LENGTH)];
  };

  const blockOf = (event: SessionEvent, at: number): string[] | null => {
    switch (event.kind) {
      case 'session.start':
        return startLines(event, at);
      case 'session.refused':
        return [`refused: ${event.code}`, ...detailLines(event.detail)];
      case 'policy':
        return [`policy revision ${event.revision} is in force`];
      case 'statement':
        statements.set(event.statement, event.text);
        return null;
      case 'intent':
        begun.set(event.action, { at, kind: 'statement' });
        return [
          `#${event.action} ${event.via}: ${decisionWords(event.decision)}`,
          ...statementLines(event.statement),
          ...bindLines(event.binds ?? []),
        ];
      case 'request': {
        begun.set(event.action, { at, kind: 'request' });
        const [what, ...details] = requestLines(event);
        return [`#${event.action} ${what}: ${decisionWords(event.decision)}`, ...details];
      }
      case 'call': {
        begun.set(event.action, { at, kind: 'call' });
        const [what, ...details] = callLines(event);
        return [`#${event.action} ${what}: ${decisionWords(event.decision)}`, ...details];
      }
      case 'outcome': {
        const since = begun.get(event.action) ?? null;
        begun.delete(event.action);
        return [outcomeWords(event, since, at)];
      }
      case 'session.end':
        return [`session ended: ${event.code}`, ...detailLines(event.detail)];
      default:
        return null;
    }
  };

  return ({ at, seq, json }) => {
    startedAt ??= at;
    const event = eventContent(json) as unknown as SessionEvent | null;
    let block: string[] | null;
    try {
      block = event === null ? unknownLines(seq) : blockOf(event, at);
    } catch {
      // A newer gateway's event, or a file that was tampered with: the story goes on, the gap is shown.
      block = unknownLines(seq);
    }
    if (block === null && event !== null && event.kind !== 'statement') block = unknownLines(seq);
    if (block === null) return null;
    const atMs = Math.max(0, at - startedAt);
    const [headline, ...rest] = block;
    return { atMs, lines: [`${clock(atMs)}  ${headline ?? ''}`, ...rest] };
  };
}

function startLines(event: Event<'session.start'>, at: number): string[] {
  const { principal, client } = event;
  const groups = principal.groups.length === 0 ? '' : `, groups ${principal.groups.join(' ')}`;
  const name = client.name === '' ? 'without a name' : client.name;
  const from = [client.address, client.country].filter((part) => part !== '').join(' ');
  // Names come from tokens and clients: none of them may break out of its line.
  return [
    visibleLine(
      `${event.protocol} session ${event.session} on ${event.target}, ${new Date(at).toISOString()}`,
    ),
    INDENT + visibleLine(`${principal.id} (${principal.kind}${groups})`),
    INDENT +
      visibleLine(
        `client ${name}${from === '' ? '' : ` from ${from}`}, policy revision ${event.revision}`,
      ),
  ];
}

function decisionWords(decision: Event<'intent'>['decision']): string {
  const rules = decision.rules.length === 0 ? '' : ` by ${decision.rules.join(', ')}`;
  const code = decision.code === null || decision.code === 'rule' ? '' : ` (${decision.code})`;
  const observed =
    decision.observed.length === 0 ? '' : `; observed: ${decision.observed.join(', ')}`;
  const words = { allow: 'allowed', deny: 'DENIED', approve: 'needs approval' }[decision.kind];
  const masked = decision.masked ?? [];
  const masks = masked.length === 0 ? '' : `; masked: ${masked.join(', ')}`;
  return visibleLine(`${words}${rules}${code}, revision ${decision.revision}${masks}${observed}`);
}

function bindLines(binds: readonly (string | null)[]): string[] {
  return binds.map((value, index) => {
    const shown = value === null ? 'NULL' : `'${shortened(value, MAX_BIND_LENGTH)}'`;
    return `${INDENT}$${index + 1} = ${shown}`;
  });
}

function outcomeWords(event: Event<'outcome'>, begun: Begun | null, at: number): string {
  const { action, outcome, error, rows, bytes } = event;
  const words = [`#${action} ${outcome}`];
  if (error !== null) words.push(errorWords(error, begun));
  // A request has no rows; what has some is none.
  const counted = outcome === 'succeeded' && (begun === null || begun.kind === 'statement');
  if (counted || rows > 0) words.push(`${rows} rows`);
  if (bytes > 0) words.push(`${bytes} bytes`);
  if (begun !== null && outcome !== 'refused') words.push(`${at - begun.at} ms`);
  return visibleLine(words.join(', '));
}

function errorWords(error: string, begun: Begun | null): string {
  if (begun === null || begun.kind === 'statement') return `SQLSTATE ${error}`;
  return /^[1-9]\d\d$/.test(error) ? `status ${error}` : error;
}

function detailLines(detail: string): string[] {
  return detail === '' ? [] : visible(detail).map((line) => INDENT + line);
}

function unknownLines(seq: number): string[] {
  return [`event ${seq} is of a kind that this version does not know`];
}

/** m:ss.mmm, or h:mm:ss.mmm; always as wide as INDENT leaves room for up to an hour. */
function clock(ms: number): string {
  const pad = (value: number, width: number): string => String(value).padStart(width, '0');
  const seconds = Math.floor(ms / 1000);
  const tail = `${pad(seconds % 60, 2)}.${pad(ms % 1000, 3)}`;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours}:${pad(minutes % 60, 2)}:${tail}` : `${pad(minutes, 2)}:${tail}`;
}
