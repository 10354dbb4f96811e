// The demo's target: the cluster, the role `app` with a password unique to this state folder, and the shop loaded once.
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { keptPort } from '../ports.ts';
import type { Reaper } from '../reaper.ts';
import { keptSecret } from '../state.ts';
import type { State } from '../state.ts';
import { findPostgres } from './binaries.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './cluster.ts';

export interface Shop {
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** The target's credential: a Worker secret, never shown to a caller. */
  readonly password: string;
  stop(): Promise<void>;
}

const DATABASE = 'shop';
const OWNER = 'app';

export async function startShop(state: State, reaper: Reaper): Promise<Shop> {
  const installation = await findPostgres(state);
  const port = await keptPort(state, 'shop');
  const cluster = await startCluster(installation, port, keptSecret(state, 'superuser'), reaper);
  const password = keptSecret(state, OWNER);
  try {
    await load(cluster, password);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return { port, database: DATABASE, user: OWNER, password, stop: () => cluster.stop() };
}

async function load(cluster: Cluster, password: string): Promise<void> {
  const admin = await cluster.connect('postgres');
  try {
    const { rowCount } = await admin.query(`SELECT FROM pg_database WHERE datname = '${DATABASE}'`);
    if (rowCount !== 0) return;
    // Loaded under another name and renamed at the end: a load that was interrupted is started afresh.
    await admin.query(`DROP DATABASE IF EXISTS ${DATABASE}_loading`);
    const { rowCount: owners } = await admin.query(
      `SELECT FROM pg_roles WHERE rolname = '${OWNER}'`,
    );
    if (owners === 0) await admin.query(`CREATE ROLE ${OWNER} LOGIN`);
    // The password is base64url: it needs no quoting beyond the quotes.
    await admin.query(`ALTER ROLE ${OWNER} PASSWORD '${password}'`);
    await admin.query(`CREATE DATABASE ${DATABASE}_loading OWNER ${OWNER}`);
    await loadTables(cluster.port, password);
    await admin.query(`ALTER DATABASE ${DATABASE}_loading RENAME TO ${DATABASE}`);
  } finally {
    await admin.end();
  }
}

async function loadTables(port: number, password: string): Promise<void> {
  const owner = new Client({
    host: '127.0.0.1',
    port,
    user: OWNER,
    password,
    database: `${DATABASE}_loading`,
  });
  await owner.connect();
  try {
    for (const file of ['schema.sql', 'data.sql']) {
      await owner.query(readFileSync(new URL(file, import.meta.url), 'utf8'));
    }
    await owner.query('ANALYZE');
  } finally {
    await owner.end();
  }
}
