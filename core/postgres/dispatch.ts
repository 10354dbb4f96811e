// Sends what was decided: an allowed message after its intent, a refused one as something that certainly fails on the
// server in its place. Every message that runs something passes here, so what it carries to its answers (outcome, names,
// masking) is put together in one place. Deciding is admission.ts.
import type { Decision, Denial } from '../decision.ts';
import type { Inspection } from '../sql/inspection.ts';
import { planChanges } from './changes.ts';
import {
  FLUSH,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
} from './client-messages.ts';
import type { FrameReader } from './frames.ts';
import type { Via } from './ledger.ts';
import { needsWork } from './masking.ts';
import type { Portal } from './portal.ts';
import { PROBE_ENTRIES, encodeProbe } from './probe.ts';
import { denyState, refusalFields } from './refusal.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

/** What a message asks to be judged as. */
export interface Plea {
  readonly via: Via;
  readonly statement: Statement;
  /** The search path it was planned under, when it was planned before. */
  readonly planned: readonly string[] | null;
  readonly binds: readonly (string | null)[] | null;
  readonly bindFormats: readonly number[] | null;
  /** An Execute that asks for some rows only. */
  readonly limited?: boolean;
  /** What an Execute runs. */
  readonly portal?: Portal;
  /** A refusal that stands whatever the text means. */
  readonly refusal: Denial | null;
  /** Name of the statement that a Parse prepares, or of the portal that is executed. */
  readonly name: string;
}

/** A message that waits, unconsumed, for a decision. */
export interface Asking extends Plea {
  readonly id: number;
  readonly inspection: Inspection;
  /** The search path it was judged under must still be in force when it runs. */
  readonly relied: boolean;
  /** The text stands for others by name (judging.ts). */
  readonly indirect: boolean;
  readonly cursors: readonly Portal[];
}

/** `gated`: the commit gate is open around it. */
export function perform(
  session: Session,
  reader: FrameReader,
  asking: Asking,
  decision: Decision,
  gated: boolean,
): void {
  const { statement, inspection, via } = asking;
  const { pipeline, ledger, state, statements, hush, output } = session;
  const masking = decision.kind === 'allow' ? (decision.masking ?? null) : null;
  hush.decided(masking);
  // What is only prepared may be allowed by nobody yet, and so nobody has said what it touches.
  const unsaid = decision.kind !== 'allow' && hush.masking !== null;
  statement.hushed = masking?.hushed ?? unsaid;
  statement.unmasked = decision.kind === 'allow' && masking === null;
  if (via === 'prepare') {
    const change = statements.plan(asking.name, statement, pipeline.segment);
    pipeline.add('parse', { statementChanges: [change] });
    send(session, reader, false);
    return;
  }
  const { facts, copyIn } = inspection;
  if (asking.portal !== undefined) asking.portal.ran = true;
  const run = ledger.intend(asking.id, statement, facts, via, asking.binds, decision);
  const kind = via === 'query' ? 'query' : 'execute';
  const plan = kind === 'execute' ? masking?.results[0] : undefined;
  // Types and tables of a portal's columns are only in its description; the Execute waits for nothing, its rows come after.
  if (plan !== undefined && plan.columns !== null && plan.copyOut === null) {
    describe(session, asking.name, gated, statement.hushed);
  }
  const entry = pipeline.add(kind, {
    run,
    copyIn,
    gated,
    masking,
    hushed: statement.hushed,
    whole: plan !== undefined && needsWork(plan),
    several: facts.statements.length > 1,
    ...planChanges(session, statement, inspection, kind === 'query' ? null : pipeline.segment),
  });
  state.sent(entry.seq, statement.text, inspection);
  if (statement.hushed) hush.sent(entry.seq);
  if (session.gate !== null) session.gate.run = run;
  send(session, reader, true);
  // A gated Execute is settled before the client's Sync may follow.
  if (gated && kind === 'execute') output.toServer(FLUSH, 0, FLUSH.length, true);
  if (!copyIn) return;
  session.copying = entry;
  // An Execute is answered at the next Sync or Flush; what the client sends next depends on this answer.
  if (kind === 'execute') output.toServer(FLUSH, 0, FLUSH.length, true);
}

export function refuse(session: Session, asking: Asking, denial: Decision & Denial): void {
  const { statement, inspection, via, binds, id } = asking;
  const { pipeline, ledger, output, words, statements } = session;
  ledger.refuse(id, statement, inspection.facts, via, binds, denial, denyState(denial.code));
  if (pipeline.skipping) return;
  const failing = words.next();
  const refused = { fields: refusalFields(denial, denial.revision), word: failing };
  if (via === 'query' || via === 'call') {
    pipeline.add('query', { refused });
    write(encodeQuery(failing));
    return;
  }
  if (via === 'prepare') {
    // The server forgets its unnamed statement even when the new one does not parse.
    const { name } = asking;
    const forgets = name === '' ? [statements.plan('', null, pipeline.segment)] : [];
    pipeline.add('parse', { refused, statementChanges: forgets });
    write(encodeParse(name === '' ? '' : failing, failing));
  } else {
    pipeline.add('execute', { refused });
    write(encodeExecute({ portal: failing, maxRows: 0 }));
  }
  // It fails for certain, or is skipped itself: what follows up to the Sync never runs.
  pipeline.skipping = true;
  function write(bytes: Uint8Array): void {
    output.toServer(bytes, 0, bytes.length, true);
  }
}

/** Sends the gateway's question; its answers are swallowed by server-side.ts. */
export function sendProbe(session: Session, end: 'flush' | 'sync'): void {
  const { pipeline, output, words } = session;
  for (const kind of PROBE_ENTRIES) pipeline.add(kind, { probe: true });
  if (end === 'sync') pipeline.add('sync', { probe: true });
  const bytes = encodeProbe(words.next(), end);
  output.toServer(bytes, 0, bytes.length, true);
}

/** The gateway's own Describe. Where it fails, the Execute behind it is skipped, and its error is the client's. */
function describe(session: Session, name: string, gated: boolean, hushed: boolean): void {
  session.pipeline.add('describe', { hidden: true, gated, hushed });
  const bytes = encodeDescribe({ of: 'portal', name });
  session.output.toServer(bytes, 0, bytes.length, true);
}

/** Passes the message on. `due`: with everything that waited for it. */
function send(session: Session, { buffer, start, end }: FrameReader, due: boolean): void {
  session.output.toServer(buffer, start, end, due);
}
