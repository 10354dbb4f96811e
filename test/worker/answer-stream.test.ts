import { describe, expect, it } from 'vitest';
import { utf8 } from '../../core/bytes.ts';
import { BodyMaskFailure } from '../../core/http/masked-body.ts';
import { createHider } from '../../core/http/hidden.ts';
import { answerStream, type AnswerEnd, type Stage } from '../../durable-objects/answer-stream.ts';

const upper: Stage = {
  push: (chunk) => utf8(new TextDecoder().decode(chunk).toUpperCase()),
  end: () => utf8('!'),
};

function source(...chunks: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(utf8(chunk));
      controller.close();
    },
  });
}

async function through(
  body: ReadableStream<Uint8Array>,
  stages: readonly Stage[],
  length: number | null = null,
): Promise<{ readonly text: string | null; readonly ends: readonly AnswerEnd[] }> {
  const ends: AnswerEnd[] = [];
  const stream = answerStream(body, stages, length, (end) => ends.push(end));
  const text = await new Response(stream).text().catch(() => null);
  return { text, ends };
}

describe('the body of an answer', () => {
  it('goes through every stage, ends included, and is counted', async () => {
    const hider = createHider(['secret']);
    if (hider === null) throw new Error('there is something to hide');
    const { text, ends } = await through(source('a sec', 'ret b'), [hider, upper]);
    expect(text).toBe('A ****** B!');
    expect(ends).toEqual([{ outcome: 'succeeded', error: null, bytes: 11 }]);
  });

  it('keeps a length that is known', async () => {
    const { text, ends } = await through(source('abc', 'def'), [], 6);
    expect([text, ends.map(({ outcome }) => outcome)]).toEqual(['abcdef', ['succeeded']]);
  });

  it('breaks off where a stage cannot go on, and nothing of the chunk is seen', async () => {
    const failing: Stage = {
      push() {
        throw new BodyMaskFailure('mask_body_malformed', 'no');
      },
      end: () => new Uint8Array(0),
    };
    const { text, ends } = await through(source('ada@example.com'), [failing]);
    expect(text).toBeNull();
    expect(ends).toMatchObject([{ outcome: 'failed', bytes: 0 }]);
    expect(ends[0]?.error).toBeInstanceOf(BodyMaskFailure);
  });

  it('is given up when nobody takes it any more', async () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(utf8('x')),
    });
    const ended = new Promise<AnswerEnd>((resolve) => {
      const reader = answerStream(endless, [], null, resolve, 20).getReader();
      void reader.read();
    });
    expect(await ended).toMatchObject({ outcome: 'cancelled' });
  });

  it('says that its caller has gone, and gives the target up', async () => {
    let given = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(utf8('x')),
      cancel() {
        given = true;
      },
    });
    const ends: AnswerEnd[] = [];
    const reader = answerStream(endless, [], null, (end) => ends.push(end)).getReader();
    await reader.read();
    await reader.cancel();
    expect(given).toBe(true);
    expect(ends).toMatchObject([{ outcome: 'cancelled' }]);
  });
});
