// Names in free text, as they are deployed: psql, pg and the JSON API in front of a real Postgres, a stand-in for Presidio
// beside the gateway, and what becomes of a result when it is down, slow or wrong.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Query, type QueryConfig } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OWNER } from '../contract/real-postgres.ts';
import { startMaskingServer, type MaskingServer } from '../support/masking-server.ts';
import { startPresidioStandIn, type PresidioStandIn } from '../support/presidio-stand-in.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, psql, type Tunnel } from '../support/tunnel.ts';

const TABLE = `
  CREATE TYPE public.contact AS (who text, since int);
  CREATE TABLE public.calls (id int PRIMARY KEY, note text, detail jsonb, tags text[], by contact);
  INSERT INTO public.calls VALUES
    (1, 'Quillon Ybarrez of Initech has called, kin@example.org', '{"caller": "Ada Lovelace", "n": 1.50}',
     ARRAY['urgent', 'Zoë Ångström'], ROW('Ada Lovelace', 3)),
    (2, 'nobody has called', '{"caller": null}', ARRAY['quiet'], ROW('the desk', 4)),
    (3, 'met 𝕎illa 🦊 Fox at 12 Foundry Lane 🦊', '["Bo", {"Quillon Ybarrez": true}]', NULL, NULL);
  CREATE TABLE public.many AS
    SELECT n AS id, CASE WHEN n % 7 = 0 THEN 'asked for Quillon Ybarrez again, ' || n ELSE 'note ' || n END AS note
    FROM generate_series(1, 2000) n;`;
const CANARIES = /Quillon|Ybarrez|Lovelace|Ångström|𝕎illa|Fox|Foundry|Initech|kin@example|"Bo"/;

const folder = mkdtempSync(join(tmpdir(), 'postern-model-'));
let server: MaskingServer;
let presidio: PresidioStandIn;
let stack: TestStack;
let tunnel: Tunnel;
let token: string;

beforeAll(async () => {
  const secrets = join(folder, 'mine.env');
  writeFileSync(secrets, `SHOP_DB_PASSWORD=${OWNER.password}\nPII_TOKEN=analyzer-token\n`);
  const args = ['--no-demo', '--secrets', secrets];
  presidio = await startPresidioStandIn();
  [server, stack] = await Promise.all([startMaskingServer(), startStack({ args })]);
  await server.admin.query(TABLE);
  writeFileSync(
    join(stack.state, 'postern.yaml'),
    `version: 1
issuers:
  - id: ci
    issuer: ${stack.issuer}
    audience: ${stack.gateway}
    kind: workload
    groupsFrom: claims.groups
targets:
  - id: shop-db
    kind: postgres
    address: 127.0.0.1:${server.server.port}
    database: shop
    via: { tcp: { tls: off } }
    credential: { user: owner, password: SHOP_DB_PASSWORD }
rules:
  - { id: everything, on: [shop-db], then: allow }
models:
  - { id: pii, presidio: { address: '${presidio.url}/switched/e2e', token: PII_TOKEN } }
masks:
  - id: names
    model: { use: pii, entities: [person, address, organization] }
    detect: [email]
    as: redact
`,
  );
  token = await stack.token('masked-agent', ['agents']);
  await inForce();
  tunnel = await openTunnel(stack.gateway, 'shop-db', token);
}, 120_000);

afterAll(async () => {
  await tunnel?.close();
  await stack?.stop();
  await server?.stop();
  await presidio?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

beforeEach(() => {
  presidio.behaviour = 'well';
});

async function inForce(): Promise<void> {
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

async function api(sql: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${stack.gateway}/v1/targets/shop-db/query`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  return { status: response.status, text: await response.text() };
}

async function connected<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ host: '127.0.0.1', port: tunnel.port, user: 'a', database: 'shop' });
  // What the gateway ends it with comes with the query's own failure.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

describe('names in free text', () => {
  it('are there without the gateway', async () => {
    const { rows } = await server.admin.query('SELECT * FROM calls');
    expect(JSON.stringify(rows)).toMatch(CANARIES);
  });

  it('are masked in psql, and everything else is as it was', async () => {
    const { stdout, stderr } = await psql(tunnel.port, ['SELECT * FROM calls ORDER BY id']);
    expect(stderr).toBe('');
    expect(stdout).not.toMatch(CANARIES);
    for (const part of [
      '[masked] of [masked] has called, [masked]',
      'nobody has called',
      'met [masked] at [masked] 🦊',
      '{"n": 1.50, "caller": "[masked]"}',
      '{urgent,"[masked]"}',
      '("[masked]",3)',
      '("the desk",4)',
      '["[masked]", {"[masked]": true}]',
    ])
      expect(stdout).toContain(part);
  });

  it.each([
    [`SELECT note || '!' AS n, 'Quillon Ybarrez' AS mine FROM calls`],
    [`SELECT string_agg(note, ' / ') FROM calls`],
    [`SELECT json_agg(c) FROM calls c`],
    [`SELECT array_agg(note) FROM calls`],
    [`SELECT c FROM calls c`],
    [`SELECT xmlelement(name note, note) FROM calls`],
    [`SELECT note::bytea FROM calls`],
    [`SELECT daterange(now()::date, null), '<a>Ada Lovelace</a>'::xml FROM calls`],
    [
      `BEGIN; DECLARE k CURSOR FOR SELECT note FROM calls; FETCH 2 FROM k; FETCH ALL FROM k; COMMIT`,
    ],
    [`UPDATE calls SET id = id RETURNING note, detail`],
    [`EXPLAIN SELECT * FROM calls WHERE note = 'Quillon Ybarrez'`],
    [`SELECT note::int FROM calls`],
    [`SELECT 1 / (CASE WHEN note LIKE 'Q%' THEN 0 END), note FROM calls`],
    [`SELECT set_config('application_name', left(note, 15), false) FROM calls WHERE id = 1`],
    [`COPY calls TO STDOUT`],
    [`COPY calls TO STDOUT (FORMAT csv, HEADER)`],
    [`COPY (SELECT note, tags, detail FROM calls) TO STDOUT (FORMAT binary)`],
  ])('do not come out of %s', async (sql) => {
    const { stdout, stderr } = await psql(tunnel.port, [sql]);
    expect(`${stdout}${stderr}`.replace('upper', '').toLowerCase()).not.toMatch(
      /quillon|ybarrez|lovelace|ångström|𝕎illa|fox|foundry|initech|kin@example/,
    );
    expect(`${stdout}${stderr}`).not.toContain('mask_model_unavailable');
  });

  it('are masked in the JSON API', async () => {
    const { status, text } = await api('SELECT id, note, detail, tags FROM calls ORDER BY id');
    expect(status).toBe(200);
    expect(text).not.toMatch(CANARIES);
    expect(text).toContain('[masked] of [masked] has called, [masked]');
    expect(text).toContain('nobody has called');
  });

  it('are masked in prepared statements, again and again, with binary parameters and results', async () => {
    await connected(async (client) => {
      for (const id of [1, 1, 3]) {
        // In pg's types, `binary` is of its Query class only.
        const query: QueryConfig & { binary: boolean } = {
          name: 'by-id',
          text: 'SELECT note, tags FROM calls WHERE id = $1',
          values: [id],
          binary: true,
        };
        const { rows } = await client.query(query);
        expect(JSON.stringify(rows)).toContain('[masked]');
        expect(JSON.stringify(rows)).not.toMatch(CANARIES);
      }
    });
  });

  it('are masked in thousands of rows, in order, and asked about once', async () => {
    const before = presidio.received('e2e').length;
    const { stdout } = await psql(tunnel.port, ['SELECT id, note FROM many ORDER BY id']);
    const lines = stdout.trim().split('\n');
    expect(lines.filter((line) => line.includes('[masked] again')).length).toBe(285);
    expect(stdout).not.toMatch(CANARIES);
    const ids = lines.flatMap((line) => /^\s*(\d+)\s*\|/.exec(line)?.[1] ?? []).map(Number);
    expect(ids).toEqual(Array.from({ length: 2000 }, (_, at) => at + 1));
    const questions = presidio.received('e2e').slice(before);
    const texts = questions.flatMap(({ body }) => body['text'] as string[]);
    expect(texts.length).toBe(2000);
    expect(questions.length).toBeLessThan(50);
    // What detectors find is not the model's business.
    expect(JSON.stringify(presidio.received('e2e'))).not.toContain('kin@example.org');
  });
});

describe('a model that cannot be asked', () => {
  it.each(['failing', 'garbage', 'short', 'far', 'negative', 'reversed'] as const)(
    'is %s: the result is refused, and nothing of it is shown',
    async (behaviour) => {
      presidio.behaviour = behaviour;
      const { stdout, stderr, code } = await psql(tunnel.port, ['SELECT note FROM calls']);
      expect(code).not.toBe(0);
      expect(stderr).toContain('mask_model_unavailable');
      expect(`${stdout}${stderr}`).not.toMatch(CANARIES);
      const copied = await psql(tunnel.port, ['COPY calls TO STDOUT']);
      expect(copied.stderr).toContain('mask_model_unavailable');
      expect(`${copied.stdout}${copied.stderr}`).not.toMatch(CANARIES);
      const answered = await api('SELECT note FROM calls');
      expect(answered.status).toBeGreaterThanOrEqual(400);
      expect(answered.text).toContain('mask_model_unavailable');
      expect(answered.text).not.toMatch(CANARIES);
    },
  );

  it('is silent: after ten seconds the result is refused', async () => {
    presidio.behaviour = 'silent';
    const begun = Date.now();
    const { stdout, stderr } = await psql(tunnel.port, ['SELECT note FROM calls']);
    expect(stderr).toContain('mask_model_unavailable');
    expect(stdout).not.toMatch(CANARIES);
    expect(Date.now() - begun).toBeGreaterThan(9000);
    expect(Date.now() - begun).toBeLessThan(25_000);
  });

  it('fails half-way: what was shown was masked, and the rest is not shown', async () => {
    await connected(async (client) => {
      const seen: string[] = [];
      const query = new Query('SELECT note, pg_sleep(0.002) FROM many');
      const ended = new Promise<Error | null>((resolve) => {
        query.on('error', resolve);
        query.on('end', () => resolve(null));
      });
      query.on('row', ({ note }: { note: string }) => {
        seen.push(note);
        presidio.behaviour = 'failing';
      });
      client.query(query);
      expect(await ended).toMatchObject({
        detail: expect.stringContaining('mask_model_unavailable') as string,
      });
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.length).toBeLessThan(2000);
      expect(seen.join()).toContain('[masked] again');
      expect(seen.join()).not.toMatch(CANARIES);
    });
  });

  it('is away: statements are refused before they run, and the connection lives on', async () => {
    presidio.behaviour = 'cut';
    await psql(tunnel.port, ['SELECT note FROM calls']);
    await connected(async (client) => {
      const update = `UPDATE calls SET tags = '{changed}' WHERE id = 2 RETURNING note`;
      await expect(client.query(update)).rejects.toMatchObject({
        detail: expect.stringContaining('mask_model_unavailable') as string,
      });
      const { rowCount } = await client.query('UPDATE calls SET id = id WHERE id = 2');
      expect(rowCount).toBe(1);
    });
    const { rows } = await server.admin.query('SELECT tags FROM calls WHERE id = 2');
    expect(rows).toEqual([{ tags: ['quiet'] }]);
    presidio.behaviour = 'well';
    await sleep(5500);
    const { stdout } = await psql(tunnel.port, ['SELECT note FROM calls WHERE id = 2']);
    expect(stdout).toContain('nobody has called');
  });

  it('was recorded for what it was, without a text', async () => {
    expect(stack.output()).not.toMatch(CANARIES);
    const journal = await fetch(`${stack.gateway}/v1/sessions`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await journal.text()).toContain('mask_model_unavailable');
    expect(readFileSync(join(stack.state, 'postern.yaml'), 'utf8')).toContain('model:');
  });
});
