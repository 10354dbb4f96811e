// What the journal keeps. One session is one list of events, in order, each hashed over its predecessor (chain.ts).
// Engines write EngineEvents; the session object adds its own start and end. Times are added when an event is appended.
import type { HttpFacts, McpFacts, SqlFacts } from '../facts.ts';
import type { DenyCode, SessionCode } from '../failure.ts';

/** The part of a Decision worth keeping for ever. */
export interface DecisionRecord {
  readonly kind: 'allow' | 'deny' | 'approve';
  /** Rules that decided, in file order. */
  readonly rules: readonly string[];
  readonly code: DenyCode | null;
  /** Id of the approval that was consumed for it; absent where none was needed. */
  readonly approval?: string;
  /**
   * What is masked in its results: `name:kind` for each masked column (`redact` where it is derived from one), `detect:id`
   * for each detector that looks into the others, `model:entity` for what a model looks for in them. Absent where no mask concerns the caller, empty where none had to act.
   */
  readonly masked?: readonly string[];
  readonly revision: number;
  readonly observed: readonly string[];
}

/** `unknown`: sent to the target, and no answer was seen. */
export type Outcome = 'succeeded' | 'failed' | 'refused' | 'cancelled' | 'unknown';

export type EngineEvent =
  /** A statement text the first time a session uses it; later events name it by `statement`. */
  | {
      readonly kind: 'statement';
      readonly statement: number;
      readonly text: string;
      readonly facts: SqlFacts;
    }
  /** What is about to run. Durable before its first byte goes to the target. A denied one has an outcome `refused` at once. */
  | {
      readonly kind: 'intent';
      readonly action: number;
      readonly statement: number;
      /** How it arrived: a simple query, the preparation of a statement, or the execution of one. */
      readonly via: 'query' | 'prepare' | 'execute' | 'call';
      /** Bind values in order: text as it is, binary as \x and hex, NULL as null. Null when there are none. */
      readonly binds: readonly (string | null)[] | null;
      readonly decision: DecisionRecord;
    }
  /** The intent of an HTTP request: durable before a byte of it goes to the target. */
  | {
      readonly kind: 'request';
      readonly action: number;
      readonly method: string;
      /** In its normal form; as it came, shortened, where it was refused for it. */
      readonly path: string;
      readonly query: string | null;
      /** What is sent, without the credential; of headers that may hold keys the name alone, with an empty value. */
      readonly headers: readonly (readonly [name: string, value: string])[];
      /** SHA-256 of the body, hex, and its bytes; null where there is none, or where it is streamed. */
      readonly body: { readonly digest: string; readonly bytes: number } | null;
      /** Null where the request was refused before it could be read. */
      readonly facts: HttpFacts | null;
      readonly decision: DecisionRecord;
    }
  /** The intent of a message to an MCP server: durable before a byte of it goes to the target. */
  | {
      readonly kind: 'call';
      readonly action: number;
      /** Shortened where it was refused for it. */
      readonly method: string;
      /** Null where the message was refused before it could be read. */
      readonly facts: McpFacts | null;
      /** SHA-256, hex, of the tool's definition as the target last gave it; null where it was not asked or not known. */
      readonly definition: string | null;
      readonly decision: DecisionRecord;
    }
  | {
      readonly kind: 'outcome';
      readonly action: number;
      readonly outcome: Outcome;
      /** Rows returned or affected, as the target's command tags say, summed over the text's statements. */
      readonly rows: number;
      /** Bytes of rows sent to the client and of COPY data either way, as they went over the wire. */
      readonly bytes: number;
      /** What ended it, else null: an SQLSTATE; of a request, the status from 400 on or the code of the failure. */
      readonly error: string | null;
      /** SHA-256, hex, over the same bytes, where the target asks for it; null when there were none. */
      readonly digest: string | null;
    };

export type SessionEvent =
  | {
      readonly kind: 'session.start';
      readonly session: string;
      readonly target: string;
      readonly protocol: string;
      readonly principal: {
        readonly id: string;
        readonly kind: 'workload' | 'human';
        readonly groups: readonly string[];
        /** SHA-256, hex, over the verified claims as sorted JSON. */
        readonly claimsDigest: string;
      };
      readonly client: {
        readonly name: string;
        readonly address: string;
        readonly country: string;
      };
      readonly revision: number;
    }
  | { readonly kind: 'session.refused'; readonly code: SessionCode; readonly detail: string }
  | { readonly kind: 'policy'; readonly revision: number }
  | EngineEvent
  /** The closing record. A journal without one is unfinished or cut. */
  | { readonly kind: 'session.end'; readonly code: SessionCode; readonly detail: string };

/** One link of the chain, as stored, exported and verified. `json` is the event exactly as it was hashed. */
export interface ChainedEvent {
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly json: string;
  readonly prevHash: string;
  readonly hash: string;
}
