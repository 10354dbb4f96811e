// Every policy in the documentation is one that loads.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { policyJsonSchema } from '../../../core/policy/document.ts';
import { fileWith, problems } from './fixtures.ts';

const DOCS = resolve(import.meta.dirname, '../../../docs');
const read = (name: string) => readFileSync(resolve(DOCS, name), 'utf8');

function blocks(name: string): readonly [place: string, yaml: string][] {
  const text = read(name);
  return [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length;
    return [`${name}:${line}`, match[1] ?? ''];
  });
}

/** A fragment as a whole file: what it does not say comes from the fixture. */
function whole(fragment: string): string {
  const document = parse(fragment) as Record<string, unknown>;
  if ('version' in document) return fragment;
  const base = parse(fileWith([])) as Record<string, unknown>;
  return stringify({ ...base, ...document });
}

describe.each(['policy.md', 'identity.md', 'masking.md', 'notifications.md'])('%s', (name) => {
  it.each(blocks(name))('%s loads', (_place, yaml) => {
    expect(problems(whole(yaml))).toEqual([]);
  });
});

it('the published JSON Schema is that of this version (npm run schema)', () => {
  expect(JSON.parse(read('postern.schema.json'))).toEqual(policyJsonSchema());
});

it('policy.md names every key of the file', () => {
  const text = read('policy.md');
  const keys = new Set<string>();
  const collect = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { properties, ...rest } = schema as { properties?: Record<string, unknown> };
    for (const key of Object.keys(properties ?? {})) keys.add(key);
    for (const child of [...Object.values(properties ?? {}), ...Object.values(rest)])
      collect(child);
  };
  const { properties } = policyJsonSchema() as { properties: Record<string, unknown> };
  collect({ properties });
  expect([...keys].filter((key) => !text.includes(key))).toEqual([]);
});
