// The server's answers to the gateway's own question (probe.ts): what they teach about the session, and who waits for them.
// The client sees nothing of it, unless the question failed inside a segment of its own. server-side.ts gives every answer
// here that belongs to a probe.
import { ProtocolViolation } from '../failure.ts';
import type { FrameReader } from './frames.ts';
import type { Entry } from './pipeline.ts';
import { readProbe } from './probe.ts';
import { decodeDataRow, encodeReadyForQuery, type TransactionStatus } from './server-messages.ts';
import type { Session } from './session.ts';

export class ProbeKeeper {
  readonly #s: Session;
  readonly #reader: FrameReader;
  readonly #end: (code: 'session_state_changed' | 'target_unreachable', detail: string) => void;

  constructor(
    session: Session,
    reader: FrameReader,
    end: (code: 'session_state_changed' | 'target_unreachable', detail: string) => void,
  ) {
    this.#s = session;
    this.#reader = reader;
    this.#end = end;
  }

  row(head: Entry): void {
    if (head.kind !== 'execute' || head.phase !== 'waiting') {
      throw new ProtocolViolation('a row for a probe that has none');
    }
    head.phase = 'rows';
    const answer = readProbe(decodeDataRow(this.#reader));
    if (answer === null) throw new ProtocolViolation('unreadable answer of the target');
    const { state } = this.#s;
    for (const [name, value] of answer.settings) {
      const wrong = state.wrong(name, value);
      if (wrong !== null) this.#end('session_state_changed', wrong);
    }
    state.learned(answer.path, answer.role);
  }

  /** An answer to one of its messages came; inside a segment there is no Sync to wait for. */
  ended(): void {
    const over = this.#s.pipeline.head?.probe !== true;
    if (over) this.skipped();
  }

  ready(status: TransactionStatus): void {
    const greeting = this.#s.probe === 'greeting';
    this.#s.probe = 'none';
    if (!greeting) return;
    if (this.#s.probeFailed) this.#end('target_unreachable', 'its session state could not be read');
    else this.#s.output.client.write(encodeReadyForQuery(status));
  }

  /** True when the error is the client's to see: its own segment has failed with it. */
  failed(sqlstate: string): boolean {
    if (this.#s.probe === 'inside') {
      this.#s.probe = 'none';
      return true;
    }
    this.#s.probeFailed = true;
    if (this.#s.probe === 'greeting') this.#end('target_unreachable', `SQLSTATE ${sqlstate}`);
    return false;
  }

  /** The segment it was part of is over, one way or the other. */
  skipped(): void {
    if (this.#s.probe === 'inside') this.#s.probe = 'none';
  }
}
