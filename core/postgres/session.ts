// What both sides of a logged-in session share. Each part is a small machine of its own; client-side.ts and server-side.ts
// are the only ones that move them.
import type { Crypto } from '../crypto.ts';
import type { Inspect } from '../sql/inspection.ts';
import type { Gate } from './gate.ts';
import { Hush } from './hushing.ts';
import { Judging } from './judging.ts';
import { Ledger } from './ledger.ts';
import type { ResultMaskers } from './masking.ts';
import { Names } from './named.ts';
import type { Output } from './output.ts';
import { Pipeline, type Entry } from './pipeline.ts';
import type { Portal } from './portal.ts';
import { SessionState } from './state.ts';
import { Texts, type Statement } from './statement.ts';
import { Words } from './words.ts';

export interface PostgresEngineOptions {
  readonly crypto: Crypto;
  /** The inspection bound to the target's catalog as it is now. The same function as long as the catalog is the same. */
  readonly inspect: () => Inspect;
  readonly target: { readonly id: string; readonly database: string; readonly readOnly: boolean };
  /** The token came in a header and was verified: no password is asked for. */
  readonly principalAuthenticated: boolean;
  /** BackendKeyData for the client. A client of protocol 3.0 gets the first four bytes of the secret. */
  readonly clientKey: { readonly processId: number; readonly secret: Uint8Array };
  /** Random, this session's own and known to nobody else: letters and digits, 8 to 40 of them. Source of words.ts. */
  readonly nonce: string;
  /** Whether outcomes carry a SHA-256 over the rows and COPY data, as they went over the wire. Default: no. */
  readonly digestResults?: boolean;
  /** Masks values, with the keys of this deployment. Without it, a result that must be masked ends the session. */
  readonly maskers?: ResultMaskers;
}

/**
 * Where the gateway's question to the session stands: not asked; asked inside a segment of the client's or between two; or
 * asked at the login, which its answer ends.
 */
export type ProbeStage = 'none' | 'inside' | 'between' | 'greeting';

export interface Session {
  readonly options: PostgresEngineOptions;
  readonly output: Output;
  readonly pipeline: Pipeline;
  readonly statements: Names<Statement>;
  readonly portals: Names<Portal>;
  readonly texts: Texts;
  readonly state: SessionState;
  readonly judging: Judging;
  readonly ledger: Ledger;
  readonly words: Words;
  readonly hush: Hush;
  probe: ProbeStage;
  /** The last question failed; what waits for its answer is refused instead of asking for ever. */
  probeFailed: boolean;
  /** The commit gate around an approved write; null when there is none. */
  gate: Gate | null;
  /** A statement that may ask for COPY data and has not been answered: what the client sends next depends on the answer. */
  copying: Entry | null;
}

export function createSession(options: PostgresEngineOptions, output: Output): Session {
  const pipeline = new Pipeline();
  const statements = new Names<Statement>();
  const portals = new Names<Portal>();
  const { readOnly } = options.target;
  const state = new SessionState(readOnly);
  return {
    options,
    output,
    pipeline,
    statements,
    portals,
    texts: new Texts(options.crypto),
    state,
    judging: new Judging({
      inspect: options.inspect,
      readOnly,
      state,
      pipeline,
      statements,
      portals,
    }),
    ledger: new Ledger(output, options.crypto, options.digestResults ?? false),
    words: new Words(options.crypto, options.nonce),
    hush: new Hush(),
    probe: 'none',
    probeFailed: false,
    gate: null,
    copying: null,
  };
}
