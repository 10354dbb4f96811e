import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { createDetection } from '../../../../core/masking/detect/detection.ts';
import { DETECTOR_IDS, type Finding } from '../../../../core/masking/detect/detector.ts';
import { createStreamDetection } from '../../../../core/masking/detect/stream.ts';
import { WINDOW } from '../../../../core/masking/detect/cuts.ts';
import { labelled } from '../../../fixtures/detection/labelled.ts';

const whole = createDetection(DETECTOR_IDS);
const corpus = labelled(3);

function streamed(chunks: readonly string[]): { text: string; findings: Finding[]; most: number } {
  const stream = createStreamDetection(DETECTOR_IDS);
  let text = '';
  let most = 0;
  const findings: Finding[] = [];
  const take = (released: { text: string; findings: readonly Finding[] }): void => {
    for (const each of released.findings) {
      expect(each.end).toBeLessThanOrEqual(released.text.length);
      findings.push({ ...each, start: each.start + text.length, end: each.end + text.length });
    }
    text += released.text;
    most = Math.max(most, stream.held);
  };
  for (const chunk of chunks) take(stream.push(chunk));
  take(stream.end());
  return { text, findings, most };
}

const sameAsWhole = (text: string, chunks: readonly string[]): void => {
  const found = streamed(chunks);
  expect(found.text).toBe(text);
  expect(found.findings).toEqual(whole.find(text));
};

describe('a stream', () => {
  it('finds every value of the corpus cut at every place, up to 64 characters', () => {
    for (const { text } of corpus.filter(({ detector }) => detector !== null)) {
      // Longer ones, keys mostly, are cut every few characters.
      const step = text.length <= 64 ? 1 : Math.ceil(text.length / 64);
      for (let at = 1; at < text.length; at += step)
        sameAsWhole(text, [text.slice(0, at), text.slice(at)]);
    }
  });

  it('finds the same however the text is delivered', () => {
    const texts = fc.array(
      fc.constantFrom(...corpus.map(({ text }) => text), ' ', '\n', 'word', '12', '\u200b'),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(
        texts,
        fc.constantFrom(' ', '\n', '', ', '),
        fc.array(fc.nat(40), { minLength: 1 }),
        (parts, glue, sizes) => {
          const text = parts.join(glue);
          const chunks: string[] = [];
          for (let at = 0, turn = 0; at < text.length; turn += 1) {
            const size = 1 + sizes[turn % sizes.length]!;
            chunks.push(text.slice(at, at + size));
            at += size;
          }
          sameAsWhole(text, chunks);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('finds a value far inside a text without a place to cut, and holds back a window at most', () => {
    const key = corpus.find(({ detector }) => detector === 'github_token')!.value;
    for (const before of [WINDOW / 2 - 10, WINDOW - 10, WINDOW + 5, 3 * WINDOW]) {
      const text = `${'/'.repeat(before)}${key}${'/'.repeat(WINDOW * 2)}`;
      const chunks = text.match(/[^]{1,5000}/g)!;
      const { findings, most } = streamed(chunks);
      expect(findings.map(({ start, end }) => text.slice(start, end))).toContain(key);
      expect(findings).toEqual(whole.find(text));
      expect(most).toBeLessThanOrEqual(WINDOW);
    }
  });

  it('lets a prompt through at once', () => {
    for (const prompt of [
      'Password: ',
      'root@web-01:~# ',
      'postgres=# ',
      'Continue? [Y/n] ',
      'done\n',
    ]) {
      expect([prompt, createStreamDetection(DETECTOR_IDS).push(prompt).text]).toEqual([
        prompt,
        prompt,
      ]);
    }
  });

  it('gives up what it holds back when asked to', () => {
    const stream = createStreamDetection(DETECTOR_IDS);
    expect(stream.push('ls 4111111111111111').text).toBe('');
    const { text, findings } = stream.flush();
    expect(text).toBe('ls 4111111111111111');
    expect(findings).toMatchObject([{ detector: 'credit_card', start: 3, end: 19 }]);
    expect(stream.held).toBe(0);
  });
});
