// Node's Postgres drivers, unchanged, against the gateway: pg and postgres.js over `postern connect`, Neon's driver straight
// to the WebSocket door with the token as its password and its default one-frame login.
import { Client as NeonClient, neonConfig } from '@neondatabase/serverless';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { sharedStack } from '../support/stack.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';

const stack = sharedStack();
let token: string;
let tunnel: Tunnel;

beforeAll(async () => {
  token = await stack.token('driver-agent', ['agents']);
  tunnel = await openTunnel(stack.gateway, 'shop-db', token);
});

afterAll(async () => {
  await tunnel.close();
});

function client(): pg.Client {
  return new pg.Client({
    host: '127.0.0.1',
    port: tunnel.port,
    user: 'agent',
    database: 'shop',
    ssl: false,
  });
}

async function withClient<T>(use: (connected: pg.Client) => Promise<T>): Promise<T> {
  const connected = client();
  await connected.connect();
  try {
    return await use(connected);
  } finally {
    await connected.end();
  }
}

describe('pg', () => {
  it('runs parameters, named statements and many rows', () =>
    withClient(async (c) => {
      const one = await c.query('SELECT $1::int + 1 AS n', [41]);
      expect(one.rows).toEqual([{ n: 42 }]);
      for (let i = 0; i < 3; i++) {
        const named = await c.query({
          name: 'by-id',
          text: 'SELECT id FROM customers WHERE id = $1',
          values: [i + 1],
        });
        expect(named.rows).toEqual([{ id: i + 1 }]);
      }
      const rows = await c.query('SELECT g, md5(g::text) AS h FROM generate_series(1, 100000) g');
      expect(rows.rows.length).toBe(100_000);
      expect(rows.rows.at(-1)).toEqual({ g: 100_000, h: '14ee22eaba297944c96afdbe5b16c65b' });
    }));

  it('carries a 5 MB value both ways', () =>
    withClient(async (c) => {
      const value = 'äbcdefghij'.repeat(500_000);
      const result = await c.query('SELECT $1::text AS v, length($1::text) AS n', [value]);
      expect(result.rows[0].n).toBe(5_000_000);
      expect(result.rows[0].v === value).toBe(true);
    }));

  it('reports a refusal with SQLSTATE, detail and hint, and goes on', () =>
    withClient(async (c) => {
      const refused = await c.query('DROP TABLE orders').then(
        () => null,
        (error: unknown) => error as pg.DatabaseError,
      );
      expect(refused).toMatchObject({ code: '42501', severity: 'ERROR' });
      expect(refused?.detail).toContain('no-ddl');
      const prepared = await c.query('DELETE FROM orders WHERE id = $1', [1]).then(
        () => null,
        (error: unknown) => error as pg.DatabaseError,
      );
      expect(prepared).toMatchObject({ code: '42501' });
      expect((await c.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    }));

  it('aborts the transaction that a refusal happens in, and only that', () =>
    withClient(async (c) => {
      await c.query('BEGIN');
      await expect(c.query('DROP TABLE orders')).rejects.toMatchObject({ code: '42501' });
      await expect(c.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
      await c.query('ROLLBACK');
      expect((await c.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
    }));

  it('serves twenty connections at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        withClient(async (c) => {
          const result = await c.query('SELECT $1::int AS i, pg_sleep(0.2)', [i]);
          return result.rows[0].i as number;
        }),
      ),
    );
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('cancels the right session only', async () => {
    await withClient(async (victim) =>
      withClient(async (bystander) => {
        const started = Date.now();
        const long = victim.query('SELECT pg_sleep(20)').then(
          () => null,
          (error: unknown) => error as pg.DatabaseError,
        );
        const other = bystander.query('SELECT pg_sleep(1.5)');
        await new Promise((resolve) => setTimeout(resolve, 500));
        // pg has no public cancel; its own pool uses this request on a connection of its own.
        const { processID, secretKey } = victim as unknown as {
          processID: number;
          secretKey: number;
        };
        const canceller = new pg.Client({ host: '127.0.0.1', port: tunnel.port, ssl: false });
        const { connection } = canceller as unknown as {
          connection: {
            connect(port: number, host: string): void;
            cancel(processId: number, secret: number): void;
            once(event: string, then: () => void): void;
          };
        };
        connection.once('connect', () => connection.cancel(processID, secretKey));
        connection.connect(tunnel.port, '127.0.0.1');
        expect(await long).toMatchObject({ code: '57014' });
        expect(Date.now() - started).toBeLessThan(10_000);
        await other;
        expect((await victim.query('SELECT 3 AS three')).rows).toEqual([{ three: 3 }]);
      }),
    );
  });
});

describe('postgres.js', () => {
  it('pipelines, streams with a cursor and copies out', async () => {
    const sql = postgres({
      host: '127.0.0.1',
      port: tunnel.port,
      user: 'agent',
      database: 'shop',
      ssl: false,
      max: 4,
      onnotice: () => undefined,
    });
    try {
      const many = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          sql`SELECT ${i}::int AS i`.then(([row]) => row?.['i'] as number),
        ),
      );
      expect(many).toEqual(Array.from({ length: 200 }, (_, i) => i));
      let seen = 0;
      await sql`SELECT * FROM generate_series(1, 5000) g`.cursor(500, (rows) => {
        seen += rows.length;
      });
      expect(seen).toBe(5000);
      const copied =
        await sql`COPY (SELECT g FROM generate_series(1, 20000) g) TO STDOUT`.readable();
      let bytes = 0;
      for await (const chunk of copied) bytes += (chunk as Buffer).length;
      expect(bytes).toBe(108_894);
      await expect(sql`DROP TABLE orders`).rejects.toMatchObject({ code: '42501' });
      await expect(sql`SELECT 1/0`).rejects.toMatchObject({ code: '22012' });
      expect((await sql`SELECT 'fine' AS word`)[0]).toEqual({ word: 'fine' });
    } finally {
      await sql.end();
    }
  });
});

describe("Neon's serverless driver", () => {
  function neon(password: string): NeonClient {
    neonConfig.webSocketConstructor = WebSocket;
    neonConfig.useSecureWebSocket = false;
    neonConfig.wsProxy = () => `${new URL(stack.gateway).host}/postgres/shop-db`;
    return new NeonClient({ host: 'shop-db', user: 'agent', database: 'shop', password });
  }

  it('logs in with the token as password, in one frame, and queries', async () => {
    const c = neon(token);
    await c.connect();
    expect((await c.query('SELECT $1::text AS said', ['hello'])).rows).toEqual([{ said: 'hello' }]);
    await expect(c.query('TRUNCATE orders')).rejects.toMatchObject({ code: '42501' });
    expect((await c.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await c.end();
  });

  it('is refused with a bad token before anything reaches the database', async () => {
    const c = neon(`${token.slice(0, -6)}AAAAAA`);
    // Logging in within one frame, the driver counts itself connected before any answer; the refusal is the query's.
    c.on('error', () => undefined);
    const query = c
      .connect()
      .then(() => c.query('SELECT 1'))
      .catch((error: unknown) => error);
    expect(await query).toMatchObject({ code: '28000' });
  });
});
