import { expect, test } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { createMaskers } from '../../../core/masking/maskers/maskers.ts';
import { createTextMasker } from '../../../core/masking/terminal.ts';

const maskers = createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto });
const create = () =>
  createTextMasker({
    maskers,
    detect: (['email', 'credit_card'] as const).map((detector) => ({
      ids: ['m'],
      detector,
      kind: 'redact',
    })),
    context: null,
  });

function through(text: string, cuts: readonly number[] = []): string {
  const masker = create();
  const data = new TextEncoder().encode(text);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, data.length]) {
    parts.push(masker.push(data.subarray(from, cut)));
    from = cut;
  }
  parts.push(masker.end());
  return Buffer.concat(parts).toString();
}

const RED = '\u001b[01;31m\u001b[K';
const OFF = '\u001b[m\u001b[K';

test.each([
  ['plain ada@lovelace.org here\n', 'plain [masked] here\n'],
  [`${RED}ada${OFF}@lovelace.org x\n`, `${RED}[masked]${OFF} x\n`],
  [`a ${RED}clean${OFF} line é\n`, `a ${RED}clean${OFF} line é\n`],
  [`4111 1111 ${RED}1111 1111${OFF}\n`, `[masked]${RED}${OFF}\n`],
  ['\u001b]0;title\u0007$ \u001b[2J', '\u001b]0;title\u0007$ \u001b[2J'],
  ['unfinished \u001b[', 'unfinished \u001b['],
])('%j, wherever it is cut', (text, expected) => {
  expect(through(text)).toBe(expected);
  const size = new TextEncoder().encode(text).length;
  for (let cut = 0; cut <= size; cut += 1) expect(through(text, [cut])).toBe(expected);
});

test('a prompt is given up when it is flushed', () => {
  const masker = create();
  const pushed = Buffer.from(masker.push(new TextEncoder().encode('login: '))).toString();
  expect(pushed + Buffer.from(masker.flush()).toString()).toBe('login: ');
  expect(masker.end().length).toBe(0);
});

test('an escape that never ends is not held without end', () => {
  const masker = create();
  let shown = 0;
  for (let i = 0; i < 100; i++)
    shown += masker.push(new TextEncoder().encode(`\u001b]${'x '.repeat(2000)}`)).length;
  expect(shown).toBeGreaterThan(200_000);
});
