// The body of a target's answer on its way to the caller: through what hides credentials and what masks, counted, and told
// of when it is over. Back-pressure is the stream's own: nothing is read before the caller takes it.
import type { Outcome } from '../core/audit/event.ts';

/** One stage: bytes in, bytes out. Its output is valid until the next call. Throws where the body must not go on. */
export interface Stage {
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

export interface AnswerEnd {
  readonly outcome: Extract<Outcome, 'succeeded' | 'failed' | 'cancelled'>;
  readonly error: unknown;
  /** Sent on to the caller. */
  readonly bytes: number;
}

/** A caller that takes nothing for so long has gone: the object does not always hear of that. */
const PATIENCE_MS = 10 * 60_000;

/** `done` is called once. `length`: what the body is known to come to, where no stage changes it; else null. */
export function answerStream(
  body: ReadableStream<Uint8Array>,
  stages: readonly Stage[],
  length: number | null,
  done: (end: AnswerEnd) => void,
  patienceMs = PATIENCE_MS,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let bytes = 0;
  let over = false;
  let giveUp: ReturnType<typeof setTimeout> | undefined;

  function finish(outcome: AnswerEnd['outcome'], error: unknown): void {
    if (over) return;
    over = true;
    clearTimeout(giveUp);
    done({ outcome, error, bytes });
  }

  /** Through the stages from `at` on. */
  function through(chunk: Uint8Array, at = 0): Uint8Array {
    let current = chunk;
    for (const stage of stages.slice(at)) {
      if (current.length > 0) current = stage.push(current);
    }
    return current;
  }

  function last(): Uint8Array[] {
    return stages.map((stage, at) => through(stage.end(), at + 1).slice());
  }

  function abandon(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const reason = new Error('nobody takes the answer');
    finish('cancelled', reason);
    controller.error(reason);
    reader.cancel(reason).catch(() => undefined); // it may have ended meanwhile
  }

  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(giveUp);
      try {
        for (;;) {
          const { value, done: ended } = await reader.read();
          const out = ended ? last() : [through(value)];
          for (const piece of out) {
            if (piece.length === 0) continue;
            bytes += piece.length;
            // Copied where a stage may write into its buffer again.
            controller.enqueue(stages.length === 0 || ended ? piece : piece.slice());
          }
          if (ended) {
            controller.close();
            finish('succeeded', null);
            return;
          }
          if (out.some((piece) => piece.length > 0)) {
            giveUp = setTimeout(() => abandon(controller), patienceMs);
            return;
          }
        }
      } catch (error) {
        reader.cancel(error).catch(() => undefined); // it may be what has failed
        // The runtime logs what a stream fails with, with its text.
        controller.error(new Error('the answer broke off'));
        finish('failed', error);
      }
    },
    async cancel(reason) {
      finish('cancelled', reason);
      await reader.cancel(reason);
    },
  });
  if (length === null) return stream;
  const fixed = new FixedLengthStream(length);
  // Both ends learn of an error through their own stream.
  stream.pipeTo(fixed.writable).catch((error: unknown) => finish('failed', error));
  return fixed.readable;
}
