import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../core/bytes.ts';
import { createHider } from '../../../core/http/hidden.ts';

const decoder = new TextDecoder();

function through(secrets: readonly string[], chunks: readonly Uint8Array[]): string {
  const hider = createHider(secrets);
  if (hider === null) throw new Error('there is nothing to hide');
  const out = chunks.map((chunk) => decoder.decode(hider.push(chunk).slice()));
  return out.join('') + decoder.decode(hider.end());
}

const hidden = (secrets: readonly string[], text: string): string => through(secrets, [utf8(text)]);

describe('a credential in what a target answers', () => {
  it.each<[string, readonly string[], string, string]>([
    ['in the middle', ['s3cret'], 'a s3cret b', 'a ****** b'],
    ['at both ends', ['s3cret'], 's3cret-s3cret', '******-******'],
    ['twice without a gap', ['s3cret'], 's3crets3cret', '************'],
    ['inside of another spelling', ['abcd', 'xabcdy'], 'xabcdy abcd', '****** ****'],
    ['after its own beginning', ['aaab'], 'aaaab', 'a****'],
    ['not there', ['s3cret'], 's3cre t', 's3cre t'],
  ])('is overwritten %s', (_, secrets, text, shown) => {
    expect(hidden(secrets, text)).toBe(shown);
  });

  it('is not looked for where there is none, or where it is no more than a word', () => {
    expect(createHider([])).toBeNull();
    expect(createHider(['', 'abc'])).toBeNull();
  });

  it('keeps the length, whatever the cuts, and never comes through', () => {
    const alphabet = fc.constantFrom('a', 'b', 'c', 'é');
    const text = fc.array(alphabet, { maxLength: 60 }).map((chars) => chars.join(''));
    const secret = fc
      .array(alphabet, { minLength: 4, maxLength: 6 })
      .map((chars) => chars.join(''));
    fc.assert(
      fc.property(
        text,
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(60)),
        (body, secrets, cuts) => {
          const bytes = utf8(body);
          const places = [
            0,
            ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
            bytes.length,
          ];
          const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
          const hider = createHider(secrets);
          if (hider === null) throw new Error('four characters are enough');
          const out = [...chunks.map((chunk) => hider.push(chunk).slice()), hider.end()];
          const whole = decoder.decode(Buffer.concat(out));
          expect(Buffer.concat(out).length).toBe(bytes.length);
          for (const each of secrets) expect(whole).not.toContain(each);
          expect(whole).toBe(hidden(secrets, body));
        },
      ),
    );
  });

  it('holds nothing back that cannot become one', () => {
    const hider = createHider(['s3cret']);
    expect(decoder.decode(hider?.push(utf8('data: hello\n\n')))).toBe('data: hello\n\n');
    expect(decoder.decode(hider?.push(utf8('data: s3c')))).toBe('data: ');
    expect(decoder.decode(hider?.push(utf8('ond\n')))).toBe('s3cond\n');
  });
});
