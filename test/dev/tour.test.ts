// `npm run demo -- --exit`: the tour asserts its own steps; here its verdict is the test, with psql or without.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

async function tour(env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  const state = mkdtempSync(join(tmpdir(), 'postern-tour-'));
  const child = spawn(
    process.execPath,
    [join(ROOT, 'dev/main.ts'), '--tour', '--exit', '--auto', '--state', state],
    {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  expect(existsSync(join(state, 'ready.json'))).toBe(false);
  rmSync(state, { recursive: true, force: true });
  return { code, output };
}

describe('the tour', () => {
  it('does what it says', { timeout: 300_000 }, async () => {
    const { code, output } = await tour({});
    expect(output).toContain('steps did what they say');
    expect(output).not.toContain('NOT as it should be');
    // No escape codes where nobody asked for colour.
    expect(output).not.toContain('\u001B');
    expect(code).toBe(0);
  });

  it('goes on without psql, and says so', { timeout: 300_000 }, async () => {
    const { code, output } = await tour({ PATH: '/nowhere' });
    expect(output).toContain('apt-get install postgresql-client');
    expect(output).toContain('steps did what they say');
    expect(code).toBe(0);
  });
});
