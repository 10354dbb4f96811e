// What errors and notices may say where masked values could be in them. Postgres quotes values freely (`Key (email)=(…)
// already exists`, `invalid input syntax for type integer: "…"`, RAISE in a trigger), so around statements that touch
// masked tables the text is replaced by a sentence for its SQLSTATE. The state itself, the severity and the names of the
// objects stay: a program goes by those. @see protocol-error-fields, errcodes-appendix
import type { Masking } from '../masking/mask.ts';
import type { Entry } from './pipeline.ts';
import type { ReportFields, TransactionStatus } from './server-messages.ts';

/**
 * Kept: severity (S, V), state (C), schema, table, column, type and constraint (s, t, c, d, n), the place in the server's
 * source (F, L, R). Everything else is text or counts characters of one: message, detail, hint, context, query, positions.
 */
const KEPT: ReadonlySet<string> = new Set('SVCstcdnFLR');

/** By state. Those whose class alone would leave the caller guessing. */
const BY_STATE: Readonly<Record<string, string>> = {
  '22001': 'A value is too long for its type.',
  '22003': 'A number is out of range.',
  '22007': 'A date or time has the wrong form.',
  '22008': 'A date or time is out of range.',
  '22012': 'Division by zero.',
  '22P02': 'A value has the wrong form for its type.',
  '22P03': 'A binary value has the wrong form for its type.',
  '23502': 'A column that must have a value would be null.',
  '23503': 'A foreign key constraint would be violated.',
  '23505': 'A unique constraint would be violated: the key exists already.',
  '23514': 'A check constraint would be violated.',
  '23P01': 'An exclusion constraint would be violated.',
  '25P02': 'The transaction has failed; statements are ignored until it ends.',
  '40001': 'The transaction could not be serialised with others; try it again.',
  '40P01': 'A deadlock was found; try the transaction again.',
  '42501': 'The database does not permit this.',
  '42601': 'The statement has a syntax error.',
  '42703': 'A column that the statement names does not exist.',
  '42804': 'Types in the statement do not match.',
  '42883': 'A function or operator that the statement uses does not exist for these types.',
  '42P01': 'A table that the statement names does not exist.',
  '53300': 'The database has too many connections.',
  '55P03': 'A lock could not be had in time.',
  '57014': 'The statement was cancelled or ran out of time.',
};

/** By class: the first two characters of the state. */
const BY_CLASS: Readonly<Record<string, string>> = {
  '00': 'The database has something to say about the statement.',
  '01': 'The database warns of something in the statement.',
  '02': 'There is no data.',
  '08': 'The connection has a problem.',
  '0A': 'The database does not support this.',
  '21': 'A subquery gave more than one row, or the numbers of columns differ.',
  '22': 'A value in the statement cannot be processed.',
  '23': 'A constraint would be violated.',
  '24': 'The cursor is not in a state for this.',
  '25': 'The transaction is not in a state for this.',
  '28': 'The database does not accept the login.',
  '34': 'The cursor does not exist.',
  '40': 'The transaction was rolled back; try it again.',
  '42': 'The statement names something that does not exist, or is not allowed to.',
  '44': 'The row would not be visible through the view.',
  '53': 'The database is short of something.',
  '54': 'A limit of the database was exceeded.',
  '55': 'An object is not in a state for this.',
  '57': 'The statement was ended from outside.',
  '58': 'The system under the database has a problem.',
  P0: 'A function raised an error.',
  XX: 'The database has an internal error.',
};

const UNKNOWN = 'The database reported something.';
const WHY = 'The text was replaced: it could hold masked values.';

/** The report without its texts. A state that is none loses its own text too. */
export function hushedFields(fields: ReportFields): ReportFields {
  const kept = Object.entries(fields).filter(([type]) => KEPT.has(type));
  const state = fields['C'] ?? '';
  const C = /^[0-9A-Z]{5}$/.test(state) ? state : 'XX000';
  return { ...Object.fromEntries(kept), C, M: `${sentence(C)} ${WHY}` };
}

function sentence(state: string): string {
  return own(BY_STATE, state) ?? own(BY_CLASS, state.slice(0, 2)) ?? UNKNOWN;
}

function own(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/**
 * Where in a session texts are replaced. A hushed statement casts its shadow to the end of its transaction: deferred
 * constraints and triggers speak of its rows at the commit, whatever message that is.
 */
export class Hush {
  /** What was decided last; null as long as no mask concerns the caller. */
  #masking: Masking | null = null;
  /** The last message of a hushed statement whose transaction is not known to be over. */
  #seq = -1;

  /** The last decision's masking: what this caller must not see unasked either. */
  get masking(): Masking | null {
    return this.#masking;
  }

  decided(masking: Masking | null): void {
    if (masking !== null) this.#masking = masking;
  }

  /** A hushed statement goes to the server as message `seq`. */
  sent(seq: number): void {
    this.#seq = seq;
  }

  /** ReadyForQuery for message `seq`. */
  ready(seq: number, status: TransactionStatus): void {
    if (status === 'I' && seq >= this.#seq) this.#seq = -1;
  }

  /** Whether this error, answering `head`, may quote masked values. */
  error(head: Entry | undefined): boolean {
    if (head === undefined) return this.#masking !== null;
    if (head.hushed) return true;
    switch (head.kind) {
      case 'query':
      case 'execute':
      case 'sync':
        return this.#seq >= 0;
      case 'parse':
      case 'bind':
      case 'describe':
      case 'close':
        // They run nothing of what stands in the transaction; what they quote is their own text and values.
        return false;
      default:
        return true;
    }
  }

  /** Notices come at any time: nobody can say of which statement they speak. */
  notice(head: Entry | undefined): boolean {
    return this.#seq >= 0 || this.error(head);
  }
}
