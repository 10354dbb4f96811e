// A real Postgres with the masking tests' database, and what the corpus needs around it: logins without a password
// for clients that speak by hand, a session that has said a canary, and a file that holds one.
import { readFileSync, rmSync } from 'node:fs';
import { Client } from 'pg';
import { OWNER, SERVERS, type RealPostgres } from '../contract/real-postgres.ts';
import { WireClient, type WireAddress } from './masking-wire.ts';

const SCHEMA = readFileSync(new URL('../fixtures/masking/schema.sql', import.meta.url), 'utf8');
export const DATABASE = 'shop';
export const TWIN = 'twin';
const DIRECT = 'direct';
const FILES = ['/tmp/postern-masking-canary.txt', '/tmp/postern-masking-leak.txt'];

const DIRECT_LOGIN = `
  CREATE ROLE ${DIRECT} SUPERUSER LOGIN;
  DO $$ DECLARE data text := current_setting('data_directory'); BEGIN
    EXECUTE format($f$COPY (VALUES ('host all all 127.0.0.1/32 trust')) TO %L$f$,
      data || '/pg_hba.conf');
    EXECUTE format('COPY (SELECT email FROM public.people ORDER BY id) TO %L', data || '/canary.txt');
  END $$;
  COPY (SELECT email FROM public.people) TO '${FILES[0]}';
  SELECT pg_reload_conf();`;

/** Other values of other lengths in another order, the same where they were the same, and NULL where they were NULL. */
const OTHER_VALUES = `
  SET session_replication_role = replica;
  ALTER TABLE people DISABLE TRIGGER USER;
  CREATE FUNCTION pg_temp.turned(text) RETURNS text LANGUAGE sql AS
    $$ SELECT translate($1, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
      'zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA9876543210') || 'A' $$;
  UPDATE people SET email = pg_temp.turned(email), ssn = pg_temp.turned(ssn), card = left(pg_temp.turned(card), 15),
    salary = 98999999 - salary, balance = 1000000000 - balance, rate = -rate, born = born + 40 * id, seen = seen - interval '1 day' * id,
    token = token || '\\x00', profile = jsonb_build_object('turned', id), phones = phones || 'one more'::text,
    license = pg_temp.turned(license), mood = CASE mood WHEN 'calm' THEN 'grim' WHEN 'grim' THEN 'tense' ELSE 'calm' END::mood,
    home = ROW(pg_temp.turned((home).street), 'A')::address, ref = md5(ref::text)::uuid, span = int4range(5 - id, 9 + id),
    handle = pg_temp.turned(handle::text);
  UPDATE accounts SET email = pg_temp.turned(email), pin = 98999999 - pin;
  UPDATE vault SET owner_email = pg_temp.turned(owner_email);
  UPDATE "odd.name" SET "E-Mail" = pg_temp.turned("E-Mail"), "SSN" = pg_temp.turned("SSN");
  UPDATE hr.staff SET secret = pg_temp.turned(secret);
  UPDATE events SET who = pg_temp.turned(who);
  REFRESH MATERIALIZED VIEW contacts_frozen;
  ALTER TABLE people ENABLE TRIGGER USER;
  ANALYZE;`;

export interface MaskingServer {
  readonly server: RealPostgres;
  /** The server itself, for clients of masking-wire.ts. */
  readonly direct: WireAddress;
  /** The same as the role that the gateway uses. */
  readonly asOwner: WireAddress;
  /** A second database, which differs from the first in masked values only; made when first asked for. */
  twin(): Promise<WireAddress>;
  /** A connection with every right, for making and undoing. */
  readonly admin: Client;
  stop(): Promise<void>;
}

export async function startMaskingServer(): Promise<MaskingServer> {
  const start = SERVERS[0]?.[1];
  if (start === undefined) throw new Error('no Postgres');
  const server = await start();
  const address = { host: '127.0.0.1', port: server.port, ...OWNER };
  const first = new Client({ ...address, database: 'postgres' });
  await first.connect();
  await first.query(`CREATE DATABASE ${DATABASE}`);
  await first.end();
  const admin = new Client({ ...address, database: DATABASE });
  await admin.connect();
  await admin.query(SCHEMA);
  await admin.query(DIRECT_LOGIN);
  const twin = async () => {
    await admin.query(`CREATE DATABASE ${TWIN}`);
    const other = new Client({ ...address, database: TWIN });
    await other.connect();
    await other.query(SCHEMA.replace(/^SELECT lo_from_bytea.*$/m, ''));
    await other.query(OTHER_VALUES);
    await other.end();
    return { ...direct, database: TWIN };
  };
  const direct = { port: server.port, user: DIRECT, database: DATABASE };
  const witness = await WireClient.open(direct);
  await witness.run(`SELECT 'qxjvkz.wfbhyt@zvqkxw.net'`, 'simple');
  return {
    server,
    direct,
    twin,
    asOwner: { ...direct, user: OWNER.user },
    admin,
    async stop() {
      witness.close();
      await admin.end();
      await server.stop();
      for (const file of FILES) rmSync(file, { force: true });
    },
  };
}
