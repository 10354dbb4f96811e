// Asks core/sql what a text means in this session: hands it the search paths, prepared statements and cursors in force, and
// says whether the answer can be relied on yet. Decides nothing and sends nothing.
import type { StandingText } from '../approval/request.ts';
import type { Denial } from '../decision.ts';
import type { Inspect, Inspection, SqlContext } from '../sql/inspection.ts';
import { meaningOf } from './meaning.ts';
import type { Names } from './named.ts';
import type { Pipeline } from './pipeline.ts';
import type { Portal } from './portal.ts';
import type { SessionState, UncommittedText } from './state.ts';
import { opaqueFacts, type Statement } from './statement.ts';

export interface Examination {
  readonly inspection: Inspection;
  /** A name in the text stands for something that depends on an answer still to come. */
  readonly ambiguous: boolean;
}

/** Verbs whose meaning is in another text: never answered from memory. */
const INDIRECT = new Set(['EXECUTE', 'FETCH', 'MOVE', 'CLOSE', 'DEALLOCATE']);

export class Judging implements SqlContext {
  readonly readOnly: boolean;
  readonly #inspect: () => Inspect;
  readonly #state: SessionState;
  readonly #pipeline: Pipeline;
  readonly #statements: Names<Statement>;
  readonly #portals: Names<Portal>;
  #searchPaths: readonly (readonly string[])[] = [];
  /** The one-path list of the current path: the same array as long as the path is the same. */
  #current: readonly (readonly string[])[] = [];
  #ambiguous = false;
  #consulted = false;
  #standing: StandingText[] = [];
  #cursors: readonly Portal[] = [];

  constructor(parts: {
    readonly inspect: () => Inspect;
    readonly readOnly: boolean;
    readonly state: SessionState;
    readonly pipeline: Pipeline;
    readonly statements: Names<Statement>;
    readonly portals: Names<Portal>;
  }) {
    this.readOnly = parts.readOnly;
    this.#inspect = parts.inspect;
    this.#state = parts.state;
    this.#pipeline = parts.pipeline;
    this.#statements = parts.statements;
    this.#portals = parts.portals;
  }

  get searchPaths(): readonly (readonly string[])[] {
    return this.#searchPaths;
  }

  get uncommitted(): readonly UncommittedText[] {
    return this.#state.uncommitted;
  }

  get settled(): boolean {
    return this.#state.settled;
  }

  prepared(name: string): readonly string[] {
    const texts = this.#values(this.#statements, name).map((statement) => statement.text);
    for (const text of texts) this.#standing.push({ kind: 'prepared', name, text });
    return texts;
  }

  cursor(name: string): readonly string[] {
    const portals = this.#values(this.#portals, name);
    this.#cursors = [...this.#cursors, ...portals];
    const texts = portals.map((portal) => portal.statement.text);
    for (const text of texts) this.#standing.push({ kind: 'cursor', name, text });
    return texts;
  }

  /** What the names in the text examined last stand for, as far as it was asked for. */
  get standing(): readonly StandingText[] {
    return this.#standing;
  }

  /** Whether the text examined last stands for others by name: EXECUTE, FETCH. */
  get indirect(): boolean {
    return this.#consulted;
  }

  /** The cursors that it names. */
  get cursors(): readonly Portal[] {
    return this.#cursors;
  }

  cursorPaths(name: string): readonly (readonly string[])[] {
    const paths = this.#values(this.#portals, name).map((portal) => portal.path);
    return paths.length === 0 ? this.#searchPaths : paths;
  }

  /** What `statement` does when it runs now. `planned`: the path it was planned under, when that may be another one. */
  examine(statement: Statement, planned: readonly string[] | null): Examination {
    this.#consulted = false;
    this.#cursors = [];
    if (statement.unfit !== null) {
      return { inspection: unfitInspection(statement.unfit), ambiguous: false };
    }
    if (this.#standing.length > 0) this.#standing = [];
    const inspect = this.#inspect();
    const paths = this.#paths(planned);
    const known = statement.inspection;
    if (
      known !== null &&
      statement.inspectedBy === inspect &&
      statement.inspectedUnder === paths &&
      this.#state.settled &&
      this.#state.uncommitted.length === 0
    ) {
      return { inspection: known, ambiguous: false };
    }
    this.#searchPaths = paths;
    this.#ambiguous = false;
    const inspection = this.#ask(inspect, statement.text);
    const lasting =
      !this.#consulted &&
      this.#state.settled &&
      this.#state.uncommitted.length === 0 &&
      !inspection.facts.verbs.some((verb) => INDIRECT.has(verb.split(' ')[0] ?? ''));
    statement.inspection = lasting ? inspection : null;
    statement.inspectedBy = inspect;
    statement.inspectedUnder = paths;
    return { inspection, ambiguous: this.#ambiguous };
  }

  /**
   * What `statement` reads, planned under `path` with the catalog as it is now; null where that cannot be told. What the open
   * transaction has made is left out: a text that names any of it is unproven by itself.
   */
  meaning(statement: Statement, path: readonly string[]): string | null {
    if (statement.unfit !== null) return null;
    const { readOnly } = this;
    const none = () => [];
    const context = { searchPaths: [path], prepared: none, cursor: none, readOnly, settled: true };
    const lineage = this.#ask(this.#inspect(), statement.text, context).lineage();
    return lineage === null ? null : meaningOf(lineage);
  }

  #ask(inspect: Inspect, text: string, context: SqlContext = this): Inspection {
    try {
      return inspect(text, context);
    } catch {
      // A parser that crashes on a text has said nothing about it, so the text is refused. Its message may quote the text.
      return unfitInspection({
        kind: 'deny',
        code: 'sql_unparsable',
        rule: null,
        message: 'The statement could not be analysed.',
        hint: '',
      });
    }
  }

  #paths(planned: readonly string[] | null): readonly (readonly string[])[] {
    const { path } = this.#state;
    if (this.#current[0] !== path) this.#current = [path];
    return planned === null || planned === path ? this.#current : [planned, path];
  }

  #values<T extends Statement | Portal>(names: Names<T>, name: string): readonly T[] {
    this.#consulted = true;
    const values = names.resolve(name, this.#pipeline.segment);
    if (values !== null) return values;
    this.#ambiguous = true;
    return names.candidates(name);
  }
}

/** Whether running this means the same under every search path: it names nothing. */
export function namesNothing(inspection: Inspection): boolean {
  const { facts } = inspection;
  return (
    inspection.refusal === null &&
    inspection.unresolved.length === 0 &&
    facts.effect === 'session' &&
    facts.reads.length === 0 &&
    facts.writes.length === 0 &&
    facts.functions.length === 0
  );
}

/** Refused for what the text is, under whatever search path. */
export function refusedAnyway(inspection: Inspection): boolean {
  switch (inspection.refusal?.code) {
    case 'sql_unparsable':
    case 'sql_too_large':
    case 'guarded_setting':
      return true;
    default:
      return false;
  }
}

function unfitInspection(refusal: Denial): Inspection {
  return {
    facts: opaqueFacts(refusal.code),
    unresolved: [],
    refusal,
    changes: [],
    copyIn: false,
    lineage: () => null,
  };
}
