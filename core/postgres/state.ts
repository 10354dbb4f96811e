// What the gateway knows of the server's session: transaction status, search path, and whether either may have moved since
// it was last told. Statements change it when they are sent; the server's own reports and the probe settle it.
//
// Two doubts are kept apart. `unsure`: names may resolve differently, so a statement that names nothing may still pass.
// `suspect`: code we cannot read ran, so even the way texts are read may differ, and nothing passes before the server has
// been heard. It reports such settings at the latest with ReadyForQuery. @see protocol-flow, "Asynchronous Operations"
import type { Inspection } from '../sql/inspection.ts';
import type { TransactionStatus } from './server-messages.ts';

/** Texts of one transaction that changed the schema; past this a transaction may not change it any further. */
export const MAX_UNCOMMITTED_TEXTS = 1_000;
export const MAX_UNCOMMITTED_CHARS = 4 * 1024 * 1024;

/** Settings the server must report at these values, or texts do not mean what they were judged as. */
const REQUIRED: Readonly<Record<string, string>> = {
  standard_conforming_strings: 'on',
  client_encoding: 'UTF8',
};

/** Reported settings that change what a text means, or how the server reads it. @see runtime-config-client */
const MEANINGFUL: ReadonlySet<string> = new Set([
  ...Object.keys(REQUIRED),
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
]);

export interface UncommittedText {
  readonly text: string;
  readonly searchPaths: readonly (readonly string[])[];
}

export class SessionState {
  status: TransactionStatus = 'I';
  /** Schemas in the order in which names are looked up. The same array as long as they are the same. */
  path: readonly string[] = [];
  readonly #readOnly: boolean;
  #unsure = true;
  #suspect = true;
  /** A change was made that the end of a transaction may undo. */
  #revertible = false;
  #touchedSeq = -1;
  #uncommitted: UncommittedText[] = [];
  #uncommittedChars = 0;
  #uncommittedSeq = -1;
  #stale = false;
  readonly #reported = new Map<string, string>();
  readonly #changed = new Map<string, string>();
  /** current_user, as the last probe saw it. */
  role = '';

  constructor(readOnly: boolean) {
    this.#readOnly = readOnly;
  }

  /** Texts that changed the schema in the open transaction, oldest first, with the path they ran under. */
  get uncommitted(): readonly UncommittedText[] {
    return this.#uncommitted;
  }

  get uncommittedFull(): boolean {
    return (
      this.#uncommitted.length >= MAX_UNCOMMITTED_TEXTS ||
      this.#uncommittedChars >= MAX_UNCOMMITTED_CHARS
    );
  }

  get suspect(): boolean {
    return this.#suspect;
  }

  /** Nothing that the end of the open transaction would undo was changed in it. */
  get settled(): boolean {
    return !this.#revertible && !this.#unsure;
  }

  /** Whether `path` and `uncommitted` are in force for the message that is next, with so many ReadyForQuery to come. */
  certain(readies: number): boolean {
    if (this.#unsure || this.#suspect) return false;
    return readies === 0 || !(this.#revertible || this.#uncommitted.length > 0);
  }

  /** A statement goes to the server as message `seq`. */
  sent(seq: number, text: string, inspection: Inspection): void {
    const { facts, changes } = inspection;
    if (facts.effect === 'opaque' || facts.effect === 'admin' || facts.opaque.length > 0) {
      this.#touch(seq);
      this.#suspect = true;
      this.#stale = true;
      this.#uncommittedSeq = seq;
    }
    // A value may be any expression and may be undone by a rollback; what set it last says the same, and never too little.
    for (const name of facts.settings) this.#changed.set(name, text);
    for (const change of changes) {
      switch (change.kind) {
        case 'state':
          if (change.ending !== true) this.#touch(seq);
          else if (this.#revertible) this.#unsure = true;
          break;
        case 'discard':
          this.#touch(seq);
          this.#suspect = true;
          break;
        case 'catalog':
          // A new schema, or the first temporary table, changes how the path resolves.
          this.#touch(seq);
          this.#stale = true;
          this.#uncommittedSeq = seq;
          if (this.#uncommitted.at(-1)?.text !== text) {
            this.#uncommitted.push({ text, searchPaths: [this.path] });
            this.#uncommittedChars += text.length;
          }
          break;
        case 'prepare':
        case 'deallocate':
        case 'declare':
        case 'close':
          break;
        default:
          // A kind this file does not know may have changed anything.
          this.#touch(seq);
          this.#suspect = true;
      }
    }
  }

  /** ReadyForQuery for message `seq`. True when the schema may differ for everybody from now on. */
  ready(seq: number, status: TransactionStatus): boolean {
    this.status = status;
    if (seq >= this.#touchedSeq) {
      this.#suspect = false;
      // The transaction of that change ended or failed; what it set is gone, or not: only the server knows.
      if (this.#revertible && status !== 'T') this.#unsure = true;
      if (status === 'I') this.#revertible = false;
    }
    if (status !== 'I' || seq < this.#uncommittedSeq) return false;
    this.#uncommitted = [];
    this.#uncommittedChars = 0;
    const stale = this.#stale;
    this.#stale = false;
    return stale;
  }

  /** Settings that change what a text means: as the server reports them, or the last text of this session that set them. */
  get settings(): Readonly<Record<string, string>> {
    const known = [...this.#reported, ...this.#changed].filter(([name]) => name !== 'search_path');
    return Object.fromEntries(known);
  }

  /** The probe's answer. */
  learned(path: readonly string[], role: string): void {
    this.role = role;
    this.#unsure = false;
    this.#suspect = false;
    if (path.length !== this.path.length || path.some((name, at) => name !== this.path[at])) {
      this.path = path;
    }
  }

  /** A ParameterStatus. Null, or what is wrong with it. */
  reported(name: string, value: string): string | null {
    // From Postgres 18 on the server says so itself when the path was set.
    if (name === 'search_path' && this.#reported.get(name) !== value) this.#unsure = true;
    if (name === 'search_path' || MEANINGFUL.has(name)) this.#reported.set(name, value);
    return this.wrong(name, value);
  }

  /** Null when `value` is what the setting must have, or may be anything. */
  wrong(name: string, value: string): string | null {
    const required = Object.hasOwn(REQUIRED, name) ? REQUIRED[name] : undefined;
    if (required !== undefined && value !== required) return `${name} is ${value.slice(0, 32)}`;
    const readOnly = name === 'default_transaction_read_only' || name === 'transaction_read_only';
    return readOnly && this.#readOnly && value !== 'on' ? `${name} is off` : null;
  }

  /** Required settings that the server has not reported by the end of the login. */
  unreported(): readonly string[] {
    return Object.keys(REQUIRED).filter((name) => !this.#reported.has(name));
  }

  #touch(seq: number): void {
    this.#unsure = true;
    this.#revertible = true;
    this.#touchedSeq = seq;
  }
}
