// `npm run demo -- --exit`: the tour asserts its own steps; here its verdict is the test, with psql or without.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

interface Ended {
  readonly code: number | null;
  readonly output: string;
  /** Whether it still claimed to be ready after its end. */
  readonly left: boolean;
}

/** Ends it, as Ctrl-C does, after so many steps that were as they should be. */
interface Until {
  readonly steps: number;
}

async function tour(
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  until: Until | null = null,
): Promise<Ended> {
  const state = mkdtempSync(join(tmpdir(), 'postern-tour-'));
  const child = spawn(
    process.execPath,
    [join(ROOT, 'dev/main.ts'), '--tour', '--exit', '--auto', '--state', state, ...args],
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
      if (until !== null && stepsOf(output) >= until.steps) child.kill('SIGINT');
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  const left = existsSync(join(state, 'ready.json'));
  rmSync(state, { recursive: true, force: true });
  return { code, output, left };
}

const stepsOf = (output: string): number => output.split(/^ +as it should be$/m).length - 1;

// Each has a stack of its own, and mostly waits for it: both at once take little longer than one.
describe.concurrent('the tour', () => {
  it('does what it says', { timeout: 300_000 }, async ({ expect }) => {
    const { code, output, left } = await tour({}, []);
    expect(output).toContain('steps did what they say');
    expect(output).not.toContain('NOT as it should be');
    // No escape codes where nobody asked for colour.
    expect(output).not.toContain('\u001B');
    expect({ code, left }).toEqual({ code: 0, left: false });
  });

  it('goes on without psql, and says so', { timeout: 300_000 }, async ({ expect }) => {
    // Allowed, refused, and with parameters: what a driver has to stand in for.
    const { output, left } = await tour({ PATH: '/nowhere' }, ['--port', '0'], { steps: 8 });
    expect(output).toContain('apt-get install postgresql-client');
    expect(output).not.toContain('NOT as it should be');
    expect(stepsOf(output)).toBeGreaterThanOrEqual(8);
    expect(left).toBe(false);
  });
});
