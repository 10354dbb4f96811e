// The shop: a real Postgres with the same rows every time, an owner who is nobody special, SCRAM and no other way in.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Reaper, startReaper } from '../../dev/reaper.ts';
import { type Shop, startShop } from '../../dev/shop/shop.ts';
import { type State, openState } from '../../dev/state.ts';

const TIMEOUT_MS = 60_000;

let state: State;
let reaper: Reaper;
let shop: Shop;

beforeAll(async () => {
  state = openState(mkdtempSync(join(tmpdir(), 'postern-shop-')), false);
  reaper = startReaper();
  shop = await startShop(state, reaper);
}, TIMEOUT_MS);

afterAll(async () => {
  await shop.stop();
  await reaper.dismiss();
  rmSync(state.dir, { recursive: true, force: true });
}, TIMEOUT_MS);

async function ask(sql: string, login: Partial<Record<'user' | 'password', string>> = {}) {
  const { port, user, password, database } = shop;
  const client = new Client({ host: '127.0.0.1', port, user, password, database, ...login });
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the shop', () => {
  it.each([
    ['customers', 120],
    ['products', 40],
    ['orders', 360],
    ['order_items', 900],
    ['payments', 258],
    ['audit.logins', 200],
    ['active_customers', 120],
    ['payment_summary', 6],
    ['product_sales', 40],
  ])('has %s with %i rows', async (relation, rows) => {
    expect(await ask(`SELECT count(*)::int AS n FROM ${relation}`)).toEqual([{ n: rows }]);
  });

  it('holds the same rows in every state folder', async () => {
    const [row] = await ask(`SELECT md5(string_agg(r, E'\\n' ORDER BY r)) AS digest FROM (
      SELECT t::text AS r FROM payments t
      UNION ALL SELECT t::text FROM customers t
      UNION ALL SELECT t::text FROM order_items t) AS rows`);
    expect(row?.['digest']).toMatchInlineSnapshot(`"f6cc26767c9a906927f28bcb50077bf6"`);
  });

  it('is owned by a role without privileges', async () => {
    expect(
      await ask(
        `SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = 'app'`,
      ),
    ).toEqual([
      {
        rolsuper: false,
        rolcreatedb: false,
        rolcreaterole: false,
        rolbypassrls: false,
        rolreplication: false,
      },
    ]);
    expect(
      await ask(`SELECT count(*)::int AS n FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace
                 WHERE nspname IN ('public', 'audit') AND pg_get_userbyid(relowner) <> 'app'`),
    ).toEqual([{ n: 0 }]);
  });

  it.each([
    ['a wrong password', { password: 'guess' }],
    ['no password', { password: '' }],
    ['the superuser with the owner’s password', { user: 'postgres' }],
  ])('lets nobody in with %s', async (_what, login) => {
    await expect(ask('SELECT 1', login)).rejects.toThrow();
  });

  it('asks for SCRAM and listens on loopback only', async () => {
    const settings = await ask(
      `SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'password_encryption') ORDER BY name`,
    );
    expect(settings).toEqual([
      { name: 'listen_addresses', setting: '127.0.0.1' },
      { name: 'password_encryption', setting: 'scram-sha-256' },
    ]);
    expect(existsSync(`/tmp/.s.PGSQL.${shop.port}`)).toBe(false);
  });
});
