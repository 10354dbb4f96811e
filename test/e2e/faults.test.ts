// What happens when something stops: a reader, a client, the target, the gateway itself. Own stacks where things are killed.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { descendants, residentMiB } from '../support/processes.ts';
import { shopDatabase } from '../support/shop-database.ts';
import { sharedStack, startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';

const ROOT = join(import.meta.dirname, '../..');

function clientOn(port: number): pg.Client {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'agent',
    database: 'shop',
    ssl: false,
  });
  // Ends that a test provokes arrive as events too; the awaited calls are what is asserted.
  client.on('error', () => undefined);
  return client;
}

interface SessionRow {
  readonly id: string;
  readonly endCode: string | null;
}

/** Until the target itself says that such a statement is active there. */
async function shopRuns(stack: TestStack, pattern: string): Promise<void> {
  const watcher = await shopDatabase(stack);
  const active =
    "SELECT 1 FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active' AND pid <> pg_backend_pid()";
  await expect
    .poll(async () => (await watcher.query(active, [pattern])).rowCount, {
      timeout: 20_000,
      interval: 100,
    })
    .toBe(1);
  await watcher.end();
}

async function api(gateway: string, token: string, path: string): Promise<unknown> {
  const response = await fetch(`${gateway}${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

describe('on a running gateway', () => {
  const stack = sharedStack();
  let token: string;
  let tunnel: Tunnel;
  beforeAll(async () => {
    token = await stack.token('faults-agent', ['agents']);
    tunnel = await openTunnel(stack.gateway, 'shop-db', token);
  });
  afterAll(async () => {
    await tunnel.close();
  });

  it('keeps its memory flat while a client does not read, and then serves it whole', async () => {
    const [workerd] = descendants(stack.pid, 'workerd');
    expect(workerd).toBeDefined();
    const client = clientOn(tunnel.port);
    await client.connect();
    await client.query('SELECT 1');
    const before = residentMiB(workerd!);
    const { stream } = (client as unknown as { connection: { stream: import('node:net').Socket } })
      .connection;
    let rows = 0;
    const query = new pg.Query("SELECT repeat('x', 10000) AS v FROM generate_series(1, 30000)");
    query.on('row', () => {
      rows += 1;
    });
    const ended = new Promise<void>((resolve, reject) => {
      query.on('end', () => resolve());
      query.on('error', reject);
    });
    client.query(query);
    stream.pause();
    await sleep(6_000);
    const stalled = residentMiB(workerd!);
    // 300 MB of result; what waits is bounded by credits and by the tunnel's slowed sender.
    expect(stalled - before).toBeLessThan(100);
    expect(rows).toBeLessThan(1000);
    stream.resume();
    await ended;
    expect(rows).toBe(30_000);
    await client.end();
  }, 120_000);

  it('records a client that dies in mid-statement, and ends the statement at the target', async () => {
    const client = clientOn(tunnel.port);
    await client.connect();
    const marker = `dies_${Date.now()}`;
    void client.query(`SELECT pg_sleep(30) AS ${marker}`).catch(() => undefined);
    await sleep(500);
    (
      client as unknown as { connection: { stream: import('node:net').Socket } }
    ).connection.stream.destroy();
    const watcher = clientOn(tunnel.port);
    await watcher.connect();
    await expect
      .poll(
        async () => {
          const { sessions } = (await api(stack.gateway, token, '/v1/sessions?limit=50')) as {
            sessions: SessionRow[];
          };
          return sessions.some((session) => session.endCode === 'client_closed');
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBe(true);
    await watcher.end();
  });

  it('does not fall over at garbage before the startup packet', async () => {
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n',
      '\0\0\0\0',
      '\x16\x03\x01\x02\0\x01\0',
      '\xff\xff\xff\xff\0\x03\0\0',
    ]) {
      const socket = connect(tunnel.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(Buffer.from(bytes, 'latin1'));
      socket.end();
      await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    }
    const client = clientOn(tunnel.port);
    await client.connect();
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  });
});

describe('when the target dies', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(async () => {
    await stack.stop();
  });

  it('tells the client, and records the outcome as not known', async () => {
    const token = await stack.token('target-dies', ['agents']);
    const tunnel = await openTunnel(stack.gateway, 'shop-db', token);
    const client = clientOn(tunnel.port);
    await client.connect();
    const query = client.query('SELECT pg_sleep(30)').then(
      () => null,
      (error: unknown) => error as Error,
    );
    await sleep(500);
    for (const pid of descendants(stack.pid, 'postgres')) process.kill(pid, 'SIGKILL');
    expect(await query).toBeInstanceOf(Error);
    const late = clientOn(tunnel.port);
    await expect(late.connect()).rejects.toMatchObject({
      code: expect.stringMatching(/^08/) as string,
    });
    await tunnel.close();
    await expect
      .poll(
        async () => {
          const { sessions } = (await api(stack.gateway, token, '/v1/sessions?limit=50')) as {
            sessions: SessionRow[];
          };
          return sessions.map((session) => session.endCode);
        },
        { timeout: 20_000, interval: 500 },
      )
      .toContain('target_closed');
  });
});

describe('when the gateway is killed', () => {
  it('has the intent in the journal afterwards, its outcome unknown, and the chain verifies', async () => {
    const first = await startStack();
    const { state } = first;
    const token = await first.token('killed-agent', ['agents'], { ttlSeconds: 900 });
    const tunnel = await openTunnel(first.gateway, 'shop-db', token);
    const client = clientOn(tunnel.port);
    await client.connect();
    await client.query('SELECT 1');
    void client.query('SELECT pg_sleep(60)').catch(() => undefined);
    // It runs at the target: its intent is durable by then. And the index knows the session that will be asked for.
    await shopRuns(first, '%pg_sleep(60)%');
    await expect
      .poll(
        async () => {
          const listed = await api(first.gateway, token, '/v1/sessions');
          return (listed as { sessions: SessionRow[] }).sessions.length;
        },
        { timeout: 20_000, interval: 250 },
      )
      .toBe(1);
    for (const pid of descendants(first.pid, 'workerd')) process.kill(pid, 'SIGKILL');
    await sleep(500);
    await tunnel.close();
    await first.stop({ remove: false }).catch(() => null);

    const second = await startStack({ state });
    try {
      const again = await second.token('killed-agent', ['agents'], { ttlSeconds: 900 });
      const { sessions } = (await api(second.gateway, again, '/v1/sessions')) as {
        sessions: SessionRow[];
      };
      const session = sessions[0]?.id ?? '';
      const env = {
        ...process.env,
        POSTERN_GATEWAY: second.gateway,
        POSTERN_TOKEN: again,
        NO_COLOR: '1',
      };
      const run = (...args: string[]) =>
        spawnSync(process.execPath, [join(ROOT, 'cli/main.ts'), 'sessions', ...args], {
          env,
          encoding: 'utf8',
        });
      await expect
        .poll(() => run('replay', session, '--no-wait').stdout, {
          timeout: 30_000,
          interval: 1_000,
        })
        .toContain('interrupted');
      const replay = run('replay', session, '--no-wait').stdout;
      expect(replay).toContain('pg_sleep(60)');
      expect(replay).toContain('unknown');
      // Closed by the object that woke up; its recording follows within seconds.
      await expect
        .poll(() => run('verify', session).status, { timeout: 40_000, interval: 1_000 })
        .toBe(0);
    } finally {
      await second.stop({ remove: true });
    }
  }, 180_000);
});

describe("the target's credential", () => {
  it('is in no file that the gateway, its journal, index or recordings wrote', async () => {
    const stack = sharedStack();
    const password = stack.secret('app');
    expect(password.length).toBeGreaterThan(15);
    // Sessions ship within seconds; whatever the other tests left is on disk by then.
    await sleep(6_000);
    const found: string[] = [];
    let files = 0;
    const search = (folder: string): void => {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) {
          // The database knows its own password's hash, and the stack's secret store is where it comes from.
          if (entry.name !== 'postgres') search(path);
        } else if (
          entry.isFile() &&
          entry.name !== 'secrets.json' &&
          statSync(path).size < 512 * 1024 * 1024
        ) {
          files += 1;
          if (readFileSync(path).includes(password)) found.push(path);
        }
      }
    };
    search(stack.state);
    expect(files).toBeGreaterThan(5);
    expect(found).toEqual([]);
  });
});
