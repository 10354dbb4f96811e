// SQL texts as a session knows them: one object per text, with its last inspection beside it, so that the statement a
// client runs for the thousandth time is neither parsed nor compared again. Meaning belongs to core/sql.
import { decodeLossy, decodeUtf8, toHex } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import type { Denial } from '../decision.ts';
import type { Action, SqlFacts } from '../facts.ts';
import { MAX_SQL_BYTES } from '../limits.ts';
import type { Inspect, Inspection } from '../sql/inspection.ts';

/** Texts remembered per session; past either bound the oldest go, and are recorded again when they come back. */
const MAX_REMEMBERED_TEXTS = 2_000;
const MAX_REMEMBERED_CHARS = 8 * 1024 * 1024;
const NO_TYPES: readonly number[] = [];
/** How much of a text that is too large to judge is kept in the journal. */
const SHOWN_OF_TOO_LARGE_CHARS = 4_096;

/** One text, and what was last found out about it. */
export class Statement {
  readonly text: string;
  /** Parameter types that its Parse gave, as oids; the server chooses the rest. */
  readonly types: readonly number[];
  /** Bytes it takes to keep, roughly. */
  readonly weight: number;
  /** A denial that stands before any inspection: the text is too large or not text. */
  readonly unfit: Denial | null;
  /** The last inspection, and what it depended on; see judging.ts. */
  inspection: Inspection | null = null;
  inspectedBy: Inspect | null = null;
  inspectedUnder: unknown = null;
  /** The journal's number of this text with these facts; null until it was recorded. */
  recorded: { readonly statement: number; facts: SqlFacts } | null = null;
  /** The last decision about it said that errors may quote masked values. Planning, at Bind, may look at some. */
  hushed = false;
  /** The last decision about it allowed it without any mask: none concerns the caller. */
  unmasked = false;
  #action: Action | null = null;

  constructor(text: string, unfit: Denial | null = null, types: readonly number[] = NO_TYPES) {
    this.text = text;
    this.types = types;
    this.weight = 128 + 2 * text.length;
    this.unfit = unfit;
  }

  /** What a rule sees; the same object as long as the facts are. */
  action(facts: SqlFacts): Action {
    if (this.#action?.kind === 'sql' && this.#action.sql === facts) return this.#action;
    this.#action = { kind: 'sql', sql: facts };
    return this.#action;
  }
}

export class Texts {
  readonly #crypto: Crypto;
  readonly #known = new Map<string, Statement>();
  #chars = 0;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** The statement of a text as it came in a message, with the parameter types that came with it. */
  decode(bytes: Uint8Array, types: readonly number[] = NO_TYPES): Statement {
    if (bytes.length > MAX_SQL_BYTES) return this.#tooLarge(bytes);
    const text = decodeUtf8(bytes);
    return text === null ? notText() : this.intern(text, types);
  }

  intern(text: string, types: readonly number[] = NO_TYPES): Statement {
    // No text holds NUL. A statement with other types is another statement.
    const key = types.length === 0 ? text : `${text}\0${types.join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const statement = new Statement(text, null, types);
    this.#known.set(key, statement);
    this.#chars += text.length;
    for (const [oldest] of this.#known) {
      if (this.#known.size <= MAX_REMEMBERED_TEXTS && this.#chars <= MAX_REMEMBERED_CHARS) break;
      this.#known.delete(oldest);
      this.#chars -= oldest.length;
    }
    return statement;
  }

  #tooLarge(bytes: Uint8Array): Statement {
    const digest = toHex(this.#crypto.sha256(bytes));
    const shown = decodeLossy(bytes.subarray(0, SHOWN_OF_TOO_LARGE_CHARS));
    return new Statement(`${shown} … (${bytes.length} bytes, SHA-256 ${digest})`, {
      kind: 'deny',
      code: 'sql_too_large',
      rule: null,
      message: `The statement has ${bytes.length} bytes; at most ${MAX_SQL_BYTES} are accepted.`,
      hint: 'Send bulk data as bind values or with COPY.',
    });
  }
}

function notText(): Statement {
  return new Statement('', {
    kind: 'deny',
    code: 'sql_unparsable',
    rule: null,
    message: 'The statement is not valid UTF-8.',
    hint: '',
  });
}

/** A protocol message that is not SQL, as the journal shows it; never allowed. */
export function protocolStatement(what: string, denial: Denial): Statement {
  return new Statement(`-- ${what}`, denial);
}

/** Facts of what was never inspected: opaque, for the reason given. */
export function opaqueFacts(reason: string): SqlFacts {
  return {
    statements: [],
    effect: 'opaque',
    verbs: [],
    reads: [],
    writes: [],
    tables: [],
    columns: [],
    functions: [],
    settings: [],
    whereless: false,
    opaque: [reason],
  };
}
