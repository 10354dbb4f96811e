// The vectors of docs/approvals.md, read from the page itself: code and documentation say the same bytes.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModule } from 'libpg-query';
import { beforeAll, expect, it } from 'vitest';
import { envelope, type EnvelopeParts } from '../../../core/approval/envelope.ts';
import { parse } from './parser.ts';

interface Vector {
  readonly name: string;
  readonly parts: EnvelopeParts;
  readonly length: number;
  readonly digest: string;
}

const page = readFileSync(join(import.meta.dirname, '../../../docs/approvals.md'), 'utf8');
const vectors = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '') as Vector[];

beforeAll(loadModule);

it('has vectors of every kind of content', () => {
  expect(vectors.map(({ name }) => name)).toEqual(['sql', 'opaque', 'connect']);
});

it.each(vectors)('$name', ({ parts, length, digest }) => {
  const sha256 = (...bytes: readonly Uint8Array[]) =>
    new Uint8Array(createHash('sha256').update(Buffer.concat(bytes)).digest());
  const result = envelope(parts, parse, { sha256 });
  if (!result.ok) throw new Error(result.error.detail);
  expect(result.value.bytes.length).toBe(length);
  expect(result.value.digest).toBe(digest);
});
