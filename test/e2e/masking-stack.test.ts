// Masking as it is deployed: the gateway in workerd, `postern connect`, and psql, pg and postgres.js in front of a real
// Postgres. A sample of the corpus; masking-corpus.test.ts runs all of it without the Worker.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER } from '../contract/real-postgres.ts';
import { canaryIn } from '../fixtures/masking/canaries.ts';
import { CORPUS } from '../fixtures/masking/corpus.ts';
import { outcomeOf, Seat } from '../support/masking-cases.ts';
import { startMaskingServer, type MaskingServer } from '../support/masking-server.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, psql, type Tunnel } from '../support/tunnel.ts';

const POLICY = readFileSync(new URL('../fixtures/masking/postern.yaml', import.meta.url), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'postern-masking-'));
let server: MaskingServer;
let stack: TestStack;
let tunnel: Tunnel;
let direct: Seat;
let through: Seat;

beforeAll(async () => {
  const secrets = join(folder, 'mine.env');
  writeFileSync(secrets, `SHOP_DB_PASSWORD=${OWNER.password}\n`);
  const args = ['--no-demo', '--secrets', secrets];
  [server, stack] = await Promise.all([startMaskingServer(), startStack({ args })]);
  const policy = POLICY.replaceAll('${PORT}', String(server.server.port))
    .replace('https://ci.example', stack.issuer)
    .replace('https://gate.example', stack.gateway);
  writeFileSync(join(stack.state, 'postern.yaml'), policy);
  const token = await stack.token('masked-agent', ['agents']);
  await inForce(token);
  tunnel = await openTunnel(stack.gateway, 'shop-db', token);
  direct = new Seat(server.direct);
  through = new Seat({ port: tunnel.port, user: 'agent', database: 'shop' });
}, 120_000);

afterAll(async () => {
  direct?.close();
  through?.close();
  await tunnel?.close();
  await stack?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** The stack watches its policy file. */
async function inForce(token: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const response = await fetch(`${stack.gateway}/v1/targets`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if ((await response.text()).includes('shop-db')) return;
    if (Date.now() > deadline) throw new Error(`the policy is not in force:\n${stack.output()}`);
    await sleep(100);
  }
}

describe('the corpus through the deployed gateway', () => {
  // Those that leave something behind have their turn in masking-corpus.test.ts.
  const lasting = CORPUS.filter((leak) => leak.undo === '');
  it.each([...new Set(lasting.map(({ category }) => category))])('%s', async (category) => {
    const [first] = lasting.filter((leak) => leak.category === category);
    if (first === undefined) throw new Error('a category without statements');
    const mode = first.modes.at(-1) ?? 'simple';
    const outcome = await outcomeOf(through, direct, first, mode);
    expect(outcome, `${first.name}, ${mode}`).not.toMatchObject({ kind: 'leaked' });
  });
});

describe('clients as they are', () => {
  const settings = () => ({
    host: '127.0.0.1',
    port: tunnel.port,
    user: 'agent',
    database: 'shop',
    ssl: false as const,
  });
  const clean = (value: unknown) => expect(canaryIn(Buffer.from(JSON.stringify(value)))).toBeNull();

  it('psql shows masked rows and looks up by the exact value', async () => {
    const rows = await psql(tunnel.port, ['SELECT * FROM people ORDER BY id']);
    expect(rows.stderr).toBe('');
    expect(rows.stdout).toContain('Cleo');
    clean(rows.stdout);
    const found = await psql(tunnel.port, [
      `SELECT name FROM people WHERE email = 'qxjvkz.wfbhyt@zvqkxw.net'`,
    ]);
    expect(found.stdout).toContain('Ada');
  });

  it('psql copies masked rows out', async () => {
    const file = join(folder, 'people.csv');
    const copied = await psql(tunnel.port, [`\\copy people TO '${file}' CSV HEADER`]);
    expect(copied.stderr).toBe('');
    const text = readFileSync(file, 'utf8');
    expect(text.split('\n').length).toBe(7);
    clean(text);
  });

  it('psql describes the table', async () => {
    const described = await psql(tunnel.port, ['\\d people']);
    expect(described.stderr).toBe('');
    expect(described.stdout).toContain('email');
  });

  it('psql is told why a search is refused', async () => {
    const { stderr, code } = await psql(tunnel.port, [
      `SELECT name FROM people WHERE email LIKE 'qx%'`,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('mask_predicate');
    expect(stderr).toContain('public.people.email');
  });

  it('pg reads prepared statements', async () => {
    const client = new Client(settings());
    await client.connect();
    const text = 'SELECT id, email, salary, born, profile, phones FROM people WHERE id = $1';
    for (const id of [1, 2, 3]) {
      const { rows } = await client.query({ name: 'by-id', text, values: [id] });
      expect(rows).toMatchObject([{ id, salary: null }]);
      clean(rows);
    }
    const joined = await client.query(
      'SELECT p.card AS a, q.card AS b FROM people p JOIN people q ON q.card = p.card',
    );
    expect(joined.rows.length).toBe(5);
    for (const { a, b } of joined.rows) expect(a).toBe(b);
    await client.end();
  });

  it('postgres.js reads, writes and reads back', async () => {
    const sql = postgres({ ...settings(), max: 1, prepare: true });
    const rows = await sql`SELECT * FROM people WHERE email = ${'qxjvkz.wfbhyt@zvqkxw.net'}`;
    expect(rows.length).toBe(1);
    clean(rows);
    const shown = String(rows[0]?.['email']);
    await expect(sql`UPDATE vault SET owner_email = ${shown} WHERE id = 1`).rejects.toThrow(
      /mask shows in place of a value/,
    );
    const stored = await sql`UPDATE vault SET owner_email = ${'fresh@example.org'} WHERE id = 1`;
    expect(stored.count).toBe(1);
    await sql.end();
    const { rows: kept } = await server.admin.query('SELECT owner_email FROM vault WHERE id = 1');
    expect(kept).toEqual([{ owner_email: 'fresh@example.org' }]);
  });
});
