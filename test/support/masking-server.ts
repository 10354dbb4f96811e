// A real Postgres with the masking tests' database, and what the corpus needs around it: a login without a password for
// clients that speak by hand, a session that has said a canary, and a file that holds one.
import { readFileSync, rmSync } from 'node:fs';
import { Client } from 'pg';
import { OWNER, SERVERS, type RealPostgres } from '../contract/real-postgres.ts';
import { WireClient, type WireAddress } from './masking-wire.ts';

const SCHEMA = readFileSync(new URL('../fixtures/masking/schema.sql', import.meta.url), 'utf8');
export const DATABASE = 'shop';
const DIRECT = 'direct';
const FILES = ['/tmp/postern-masking-canary.txt', '/tmp/postern-masking-leak.txt'];

const DIRECT_LOGIN = `
  CREATE ROLE ${DIRECT} SUPERUSER LOGIN;
  DO $$ DECLARE data text := current_setting('data_directory'); BEGIN
    EXECUTE format($f$COPY (VALUES ('host all ${DIRECT} 127.0.0.1/32 trust'), ('host all all 127.0.0.1/32 scram-sha-256')) TO %L$f$,
      data || '/pg_hba.conf');
    EXECUTE format('COPY (SELECT email FROM public.people ORDER BY id) TO %L', data || '/canary.txt');
  END $$;
  COPY (SELECT email FROM public.people) TO '${FILES[0]}';
  SELECT pg_reload_conf();`;

export interface MaskingServer {
  readonly server: RealPostgres;
  /** The server itself, for clients of masking-wire.ts. */
  readonly direct: WireAddress;
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
  const direct = { port: server.port, user: DIRECT, database: DATABASE };
  const witness = await WireClient.open(direct);
  await witness.run(`SELECT 'qxjvkz.wfbhyt@zvqkxw.net'`, 'simple');
  return {
    server,
    direct,
    admin,
    async stop() {
      witness.close();
      await admin.end();
      await server.stop();
      for (const file of FILES) rmSync(file, { force: true });
    },
  };
}
