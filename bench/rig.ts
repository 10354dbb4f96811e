// Everything a measurement needs, started once: Postgres with the shop and a large table, an issuer, the gateway as it is
// deployed, the pump, and pgbouncer where there is one. Each part is stopped again, whatever happens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { openTunnel } from '../test/support/tunnel.ts';
import type { Tunnel } from '../test/support/tunnel.ts';
import { currentBundle } from '../dev/bundle.ts';
import type { Bundle } from '../dev/bundle.ts';
import { startGateway } from '../dev/gateway.ts';
import { startIssuers } from '../dev/issuer/server.ts';
import { migrate } from '../dev/migrations.ts';
import { applyPolicy, expectedAudiences, fillTemplate } from '../dev/policy.ts';
import { freePort } from '../dev/ports.ts';
import { startReaper } from '../dev/reaper.ts';
import type { Reaper } from '../dev/reaper.ts';
import { startShop } from '../dev/shop/shop.ts';
import type { Shop } from '../dev/shop/shop.ts';
import { keptSecret, openState, writeWhole } from '../dev/state.ts';
import type { State } from '../dev/state.ts';
import { startIdleTarget } from './idle-target.ts';
import { startPgBouncer } from './pgbouncer.ts';
import { startRelay } from './relay.ts';
import type { Relay } from './relay.ts';
import { startRuntime } from './runtime.ts';
import type { Runtime } from './runtime.ts';
import { workerSource } from './worker-source.ts';
import { startWorker } from './worker.ts';
import { doorPipe, tcpPipe, WireSession } from './wire.ts';

export interface Rig {
  readonly state: State;
  readonly reaper: Reaper;
  readonly bundle: Bundle;
  readonly shop: Shop;
  readonly gateway: Runtime;
  readonly pump: Runtime;
  /** A Worker that hands requests on to the HTTP target, and does nothing else. */
  readonly proxy: Runtime;
  readonly pgbouncerPort: number | null;
  /** In front of the target `watched`. */
  readonly watched: Relay;
  token(): Promise<string>;
  tokenOf(who: Person): Promise<string>;
  /** A gateway of its own with another bundle, on the same issuer, policy and database. */
  startAnother(bundle: Bundle): Promise<Runtime>;
  /** A runtime with a bundle and nothing in its database; the caller closes it. */
  startBare(bundle: Bundle): Promise<Runtime>;
  /** `postern connect` through the gateway or the pump. */
  connectCommand(url: string): Promise<Tunnel>;
  stop(): Promise<void>;
}

/** Whose token it is: a workload's, unless it is a human's. */
export interface Person {
  readonly subject: string;
  readonly groups: readonly string[];
  readonly human?: boolean;
}

type Stop = () => Promise<unknown> | void;

export async function startRig(progress: (what: string) => void): Promise<Rig> {
  const stops: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  try {
    return { ...(await startParts(stops, progress)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  stops: Stop[],
  progress: (what: string) => void,
): Promise<Omit<Rig, 'stop'>> {
  const reaper = startReaper();
  stops.push(() => reaper.dismiss());
  const state = newState(stops);
  const bundle = await currentBundle(() => progress('building the Worker'));

  progress('starting Postgres');
  const shop = await startShop(state, reaper);
  stops.push(() => shop.stop());
  await loadRows(shop);
  const idle = await startIdleTarget(shop.port);
  stops.push(() => idle.close());
  const watched = await startRelay(shop.port);
  stops.push(() => watched.close());
  const web = await startHttpTarget(reaper, stops);

  progress('starting gateway and pump');
  const port = await freePort();
  const issuers = await startIssuers(state, await freePort(), `http://127.0.0.1:${port}`);
  stops.push(() => issuers.close());
  const policyFile = state.path('postern.yaml');
  writeWhole(
    policyFile,
    fillTemplate(readFileSync(new URL('postern.yaml', import.meta.url), 'utf8'), {
      GATEWAY: `http://127.0.0.1:${port}`,
      ISSUER: issuers.workloads,
      SHOP_PORT: String(shop.port),
      IDLE_PORT: String(idle.port),
      WATCHED_PORT: String(watched.port),
      WEB_PORT: String(web),
    }),
  );
  const secrets = { SHOP_DB_PASSWORD: shop.password };
  const start = async (of: Bundle, within: State, at: number): Promise<Runtime> => {
    const runtime = await startRuntime(reaper, async () => {
      const gateway = await startGateway({ bundle: of, state: within, port: at, secrets, reaper });
      await migrate(await gateway.database());
      const applied = await applyPolicy(await gateway.database(), policyFile);
      if (applied.kind === 'invalid') throw new Error(applied.problems);
      issuers.expectAudiences(expectedAudiences(applied.policy));
      return gateway;
    });
    stops.push(() => runtime.close());
    return runtime;
  };
  const gateway = await start(bundle, state, port);
  const pump = await startWorker(reaper, {
    name: 'pump',
    modules: [{ type: 'ESModule', path: 'pump.js', contents: workerSource('pump.ts') }],
    durableObjects: { PUMP: { className: 'Pump', useSQLite: true } },
    bindings: { PORTS: { shop: shop.port, masked: shop.port, idle: idle.port } },
    resources: state.path('pump'),
  });
  stops.push(() => pump.close());
  const proxy = await startWorker(reaper, {
    name: 'proxy',
    modules: [{ type: 'ESModule', path: 'proxy.js', contents: workerSource('proxy.ts') }],
    durableObjects: {},
    bindings: { PORTS: { web } },
    resources: state.path('proxy'),
  });
  stops.push(() => proxy.close());
  const pgbouncer = await startPgBouncer(state, shop, reaper);
  if (pgbouncer !== null) stops.push(() => pgbouncer.stop());

  const tokenOf = ({ subject, groups, human = false }: Person): Promise<string> =>
    mint(human ? issuers.people : issuers.workloads, keptSecret(state, 'mint'), subject, groups);
  const token = (): Promise<string> => tokenOf({ subject: 'bench-agent', groups: ['agents'] });
  return {
    state,
    reaper,
    bundle,
    shop,
    gateway,
    pump,
    proxy,
    pgbouncerPort: pgbouncer?.port ?? null,
    watched,
    token,
    tokenOf,
    async startAnother(other) {
      return start(other, newState(stops), await freePort());
    },
    async startBare(other) {
      const resources = mkdtempSync(join(state.dir, 'bare-'));
      const at = await freePort();
      const within = { ...state, resources };
      return startRuntime(reaper, () =>
        startGateway({ bundle: other, state: within, port: at, secrets, reaper }),
      );
    },
    async connectCommand(url) {
      const tunnel = await openTunnel(url, 'shop', await token());
      if (tunnel.process.pid !== undefined) reaper.watch(tunnel.process.pid, 'KILL');
      stops.push(() => tunnel.close());
      return tunnel;
    },
  };
}

/** Its port. */
async function startHttpTarget(reaper: Reaper, stops: Stop[]): Promise<number> {
  const script = fileURLToPath(new URL('http-target.ts', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.pid !== undefined) reaper.watch(child.pid, 'KILL');
  stops.push(() => void child.kill());
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return Number(port.toString());
}

function newState(stops: Stop[]): State {
  const state = openState(mkdtempSync(join(scratch(), 'postern-bench-')), false);
  stops.push(() => {
    state.release();
    rmSync(state.dir, { recursive: true, force: true });
  });
  return state;
}

/**
 * In memory where that is possible: workerd waits for the disk with every journal row (SQLite, synchronous=FULL), and how
 * long this machine's disk takes says nothing about Cloudflare's storage.
 */
export function scratch(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

/** A million rows of about 100 bytes on the wire, warm in the server's memory. */
async function loadRows(shop: Shop): Promise<void> {
  const { port, user, password, database } = shop;
  const client = new Client({ host: '127.0.0.1', port, user, password, database });
  await client.connect();
  try {
    await client.query(
      `CREATE UNLOGGED TABLE bench_rows AS
         SELECT id, md5(id::text) AS name, repeat('x', 36) AS note, id * 3.5 AS price
         FROM generate_series(1, 1000000) AS id`,
    );
    await client.query('VACUUM ANALYZE bench_rows');
    // Three columns that masks name, and two of text that detectors look into: the second holds an address now and then.
    await client.query(
      `CREATE UNLOGGED TABLE bench_people AS
         SELECT id, 'person' || id || '@shop.example' AS email, '4111 1111 1111 ' || 1000 + id % 9000 AS card,
                '+49 30 ' || 100000 + id % 900000 AS phone, 'asked for the parcel to be left next door' AS note,
                CASE WHEN id % 100 = 0 THEN 'write to me at me' || id || '@home.example' ELSE 'nothing to add' END AS remark
         FROM generate_series(1, 1000000) AS id`,
    );
    await client.query('VACUUM ANALYZE bench_people');
  } finally {
    await client.end();
  }
}

async function mint(
  issuer: string,
  key: string,
  subject: string,
  groups: readonly string[],
): Promise<string> {
  const response = await fetch(`${issuer}/dev/mint`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ subject, groups, ttlSeconds: 7200 }),
  });
  if (!response.ok) throw new Error(`the mint answered ${response.status}`);
  return (await response.text()).trim();
}

/** How a client gets to the shop database. */
export interface Way {
  readonly name: string;
  /** Whose processor time it is; null: not ours to count. */
  readonly runtime: Runtime | null;
  open(): Promise<WireSession>;
}

/** The ways in the order in which every round goes through them. */
export async function waysOf(
  rig: Rig,
  options: { readonly command: boolean; readonly target?: string },
): Promise<readonly Way[]> {
  const { shop, gateway, pump, pgbouncerPort } = rig;
  const login = { user: shop.user, password: shop.password, database: shop.database };
  const target = options.target ?? 'shop';
  const token = await rig.token();
  const tcp = (name: string, port: number, runtime: Runtime | null): Way => ({
    name,
    runtime,
    open: async () => WireSession.open(await tcpPipe(port), login),
  });
  const door = (name: string, runtime: Runtime): Way => ({
    name,
    runtime,
    async open() {
      const pipe = await doorPipe(`${runtime.url}/postgres/${target}`, { token, credited: true });
      return WireSession.open(pipe, login);
    },
  });
  const ways = [tcp('direct', shop.port, null)];
  if (pgbouncerPort !== null) ways.push(tcp('pgbouncer', pgbouncerPort, null));
  ways.push(door('pump', pump), door('gateway', gateway));
  if (options.command) {
    const throughPump = await rig.connectCommand(pump.url);
    const throughGateway = await rig.connectCommand(gateway.url);
    ways.push(tcp('connect + pump', throughPump.port, pump));
    ways.push(tcp('connect + gateway', throughGateway.port, gateway));
  }
  return ways;
}
