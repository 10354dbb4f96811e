// The examples of docs/api.md, run as they stand there: against a whole gateway, through an approval.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decide } from '../support/held-statement.ts';
import { sharedStack } from '../support/stack.ts';

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
const PYTHON = spawnSync('python3', ['--version']).status === 0;
const stack = sharedStack();
let folder: string;
let dana: string;

function example(language: string): string {
  const [, code] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(DOCUMENT) ?? [];
  if (code === undefined) throw new Error(`no example in ${language}`);
  return code;
}

/** Runs a program that prints where people decide, decides, and gives its output. */
async function approved(command: string, args: readonly string[], token: string): Promise<string> {
  const env = { ...process.env, GATEWAY: stack.gateway, TOKEN: token };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let asked = false;
  const heard = (chunk: Buffer): void => {
    output += chunk.toString();
    const id = /approvals\/([0-9a-f]{32}-\d+)/.exec(output)?.[1];
    if (id === undefined || asked) return;
    asked = true;
    void decide(stack.gateway, id, dana, 'approve');
  };
  child.stdout.on('data', heard);
  child.stderr.on('data', heard);
  await once(child, 'close');
  return output;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-examples-'));
  dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const REFUND = 'UPDATE payments SET amount = amount WHERE id = $1 RETURNING id';

describe('the example in', () => {
  it('TypeScript waits for a human and has its rows', async () => {
    const token = await stack.token('example-ts', ['agents']);
    const file = join(folder, 'example.ts');
    const call = `const rows = await query(process.env.GATEWAY!, process.env.TOKEN!, 'shop-db', ${JSON.stringify(REFUND)}, [1]);`;
    writeFileSync(file, `${example('ts')}\n${call}\nconsole.log('rows', JSON.stringify(rows));\n`);
    const output = await approved(process.execPath, [file], token);
    expect(output).toContain('rows [[1]]');
  });

  it.skipIf(!PYTHON)('Python waits for a human and has its rows', async () => {
    const token = await stack.token('example-py', ['agents']);
    const file = join(folder, 'example.py');
    const call = `rows = query("shop-db", ${JSON.stringify(REFUND)}, [2], lambda: os.environ["TOKEN"])`;
    writeFileSync(
      file,
      `${example('python')}\n${call}\nprint("rows", json.dumps(rows), flush=True)\n`,
    );
    const output = await approved('python3', ['-u', file], token);
    expect(output).toContain('rows [[2]]');
  });

  it('curl is taken as it is', async () => {
    const token = await stack.token('example-sh', ['agents']);
    const env = { ...process.env, GATEWAY: stack.gateway, TOKEN: token };
    const { stdout } = spawnSync('sh', ['-c', example('sh')], { env, encoding: 'utf8' });
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'succeeded',
      columns: [{ name: 'id' }, { name: 'name' }],
    });
  });
});
