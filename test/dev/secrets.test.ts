// --secrets files: three spellings, one meaning, and no value in any message.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSecrets } from '../../dev/secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('readSecrets', () => {
  it.each([
    [
      's.env',
      '# a comment\nexport A=one\nB="two # three"\nC=\'fo"ur\'\n',
      ['one', 'two # three', 'fo"ur'],
    ],
    ['.env', 'A=0123\nB=no\nC=a=b==\n', ['0123', 'no', 'a=b==']],
    ['s.json', '{"A":"0123","B":"no","C":"x\\ny"}', ['0123', 'no', 'x\ny']],
    ['s.yaml', 'A: 0123\nB: no\nC: |-\n  x\n  y\n', ['0123', 'no', 'x\ny']],
    ['s.yml', 'A: "a"\nB: 1e5\nC: null\n', ['a', '1e5', 'null']],
  ])('reads %s as it is written', (name, text, [A, B, C]) => {
    expect(readSecrets(file(name, text))).toEqual({ A, B, C });
  });

  it.each([
    ['a.json', '{"A": hunter2}', 'not valid JSON'],
    ['b.yaml', 'A: "hunter2', 'not valid YAML'],
    ['c.json', '["hunter2"]', 'expected NAME: value pairs'],
    ['d.json', '{"A": {"b": "hunter2"}}', 'A must be a string'],
    ['e.yaml', 'A: [hunter2]', 'A must be a string'],
    ['f.json', '{"A-B": "hunter2"}', 'is not a name'],
  ])('refuses %s without showing what is in it', (name, text, message) => {
    let thrown: unknown;
    try {
      readSecrets(file(name, text));
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toContain(message);
    expect(String(thrown)).toContain(name);
    expect(String(thrown)).not.toContain('hunter2');
  });

  it('says which file is missing', () => {
    expect(() => readSecrets(join(folder, 'absent.env'))).toThrow('absent.env');
  });
});
