// The contract every wire protocol fulfils: bytes in, effects out. An engine holds the protocol's state and nothing else;
// it has no socket, clock, randomness or storage, and it never throws. Its driver (durable-objects/session.ts) performs
// the effects in order and feeds it from one queue, so no two calls overlap.
//
//   fromClient ─▶ decide(id) ─▶ [driver judges] ─▶ decided(id) ─▶ record(intent), send(server) ─▶ fromServer ─▶ send(client)
//
// Invariants, checked by test/contract/ over every engine: the same effects wherever a stream is cut · `record` precedes
// its `send` · nothing reaches the server between `decide` and `decided` · an unknown message is refused, never forwarded ·
// forwarded bytes are the received bytes (masking excepted) · nothing after `close` · every hostile length ends in `close` ·
// nothing that waits for `analyzed` is shown before it, and nothing at all of it where the answer is null.
import type { Decision, Denial } from './decision.ts';
import type { ActionContent } from './approval/request.ts';
import type { Action } from './facts.ts';
import type { SessionCode, TokenCode } from './failure.ts';
import type { EngineEvent } from './audit/event.ts';
import type { AnalyzedText, ModelFinding, ModelUse } from './masking/detect/model.ts';
import type { TextLineage } from './sql/lineage/lineage.ts';

/** What an engine asks of its driver. Byte arrays in effects are only valid until the next call into the engine. */
export type Effect =
  | { readonly kind: 'send'; readonly to: 'client' | 'server'; readonly bytes: Uint8Array }
  /** Verify this token, then call `authenticated`. */
  | { readonly kind: 'authenticate'; readonly token: string }
  /**
   * Judge this action, then call `decided` with the same id. `refusal` is a denial that no policy can lift; it is decided
   * as it stands. `unresolved` names objects the catalog does not know: refresh it once and call `reconsider(id)`.
   */
  | {
      readonly kind: 'decide';
      readonly id: number;
      readonly action: Action;
      readonly refusal: Denial | null;
      readonly unresolved: readonly string[];
      /**
       * What gives the action its effect besides its facts, to be asked for until it is decided; null where there is
       * nothing an approval could be bound to. A function, since few actions need it and all pay for it.
       */
      readonly content: () => ActionContent | null;
      /** Why no approval that bounds its rows could be used for it, whatever its facts; null when one could. */
      readonly unboundable?: () => string | null;
      /** Where the values come from that would come back, to be asked for until it is decided; null for what has no rows. */
      readonly lineage: () => TextLineage | null;
      /**
       * No answer is outstanding that could change the session's state: what `content` says is what will be in force. Where
       * it is false, `reconsider(id)` asks again as soon as it is true.
       */
      readonly quiet: boolean;
      /** Nothing runs yet: an `approve` is passed down as it stands, and the engine asks again for what does run. */
      readonly preparing: boolean;
      /**
       * An action that was allowed before is still being answered, so its rows are not known; `reconsider(id)` asks again when
       * all are answered. Absent where actions are answered one by one.
       */
      readonly running?: boolean;
      /** Rows of actions that were answered and have no outcome yet, because what they are part of may still fail. */
      readonly unsettledRows?: number;
    }
  /**
   * Ask these models what these texts hold, then call `analyzed` with the same id. Until then nothing further is read from the
   * target: what the texts are of waits in the engine, and so would all that follows.
   */
  | {
      readonly kind: 'analyze';
      readonly id: number;
      readonly uses: readonly ModelUse[];
      readonly texts: readonly AnalyzedText[];
    }
  /** Open the connection to the target, then call `dialled` or `undialled`. */
  | { readonly kind: 'dial' }
  /** This connection only carries a cancel request for the session that owns `key`. */
  | { readonly kind: 'cancel'; readonly key: Uint8Array }
  /** A statement that may have changed the target's schema has ended: the catalog is stale. */
  | { readonly kind: 'stale' }
  /** Make this durable before performing any later effect. */
  | { readonly kind: 'record'; readonly event: EngineEvent }
  /** The session is over: nothing follows. `detail` is for the journal only. */
  | { readonly kind: 'close'; readonly code: SessionCode; readonly detail: string };

/** The target's own login, handed over once the connection stands. Engines drop it as soon as they are logged in. */
export interface TargetLogin {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export type Authentication =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: TokenCode };

export interface Engine {
  fromClient(chunk: Uint8Array): Effect[];
  fromServer(chunk: Uint8Array): Effect[];
  authenticated(result: Authentication): Effect[];
  decided(id: number, decision: Decision): Effect[];
  /** The catalog was refreshed: look at the pending action again; answers with a new `decide` of the same id. */
  reconsider(id: number): Effect[];
  /** The findings of all models, a list for each text; null where any of them could not be asked: nothing is shown then. */
  analyzed(id: number, findings: readonly (readonly ModelFinding[])[] | null): Effect[];
  dialled(login: TargetLogin): Effect[];
  undialled(code: SessionCode): Effect[];
  /** Tell the client something while it waits, where the protocol can (a NOTICE, a warning, stderr). */
  notify(message: string): Effect[];
  /** End the session from our side with the protocol's own parting words. */
  shutdown(code: SessionCode, message: string): Effect[];
  clientClosed(): Effect[];
  serverClosed(): Effect[];
  /** Bytes that, sent on a fresh connection to the target, cancel what runs now; null when nothing can. */
  cancelRequest(): Uint8Array | null;
}
