// Postern's Postgres path in one process, without Workers: policy, lineage, masks and the engine as they are deployed, between
// loopback sockets. What durable-objects/ does around them (decide, read the catalog again, perform effects) is done here in
// the same order and no more.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { nativeCrypto } from '../../adapters/crypto.ts';
import { readCatalog, type CatalogSnapshot } from '../../adapters/catalog.ts';
import type { Connection } from '../../adapters/connection.ts';
import type { Decision } from '../../core/decision.ts';
import type { Effect, Engine } from '../../core/engine.ts';
import { createMaskers } from '../../core/masking/maskers/maskers.ts';
import type { Principal } from '../../core/identity.ts';
import { createPostgresEngine } from '../../core/postgres/engine.ts';
import { createResultMaskers } from '../../core/postgres/result-maskers.ts';
import { judge, ruleSet } from '../../core/policy/judge.ts';
import { maskSet } from '../../core/policy/mask.ts';
import { parsePolicy } from '../../core/policy/parse.ts';
import { compilePolicy } from '../../core/policy/rule.ts';
import { createInspect } from '../../core/sql/facts.ts';
import { maskedDecision, type MasksInForce } from '../../durable-objects/masked-decision.ts';
import { OWNER } from '../contract/real-postgres.ts';
import { DATABASE } from './masking-server.ts';
import type { WireAddress } from './masking-wire.ts';
import { loadSqlParser } from './sql-parser.ts';

type Decide = Extract<Effect, { kind: 'decide' }>;

const POLICY = readFileSync(new URL('../fixtures/masking/postern.yaml', import.meta.url), 'utf8');
const maskers = createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto });
const NOW = Date.UTC(2026, 5, 1);

export const AGENT: Principal = {
  id: 'ci:agent-1',
  issuer: 'ci',
  subject: 'agent-1',
  kind: 'workload',
  groups: ['agents'],
  claims: { sub: 'agent-1' },
  expiresAtMs: NOW + 3_600_000,
};

export interface MaskingGateway {
  readonly address: WireAddress;
  /** Reads the catalog as it is now: after something was done behind the gateway's back. */
  refresh(): Promise<void>;
  /** Codes with which sessions were ended. */
  readonly ends: readonly { readonly code: string; readonly detail: string }[];
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly database?: string;
  /** Every mask shows the same for every value: then nothing that is shown may depend on one. */
  readonly uniform?: boolean;
}

export async function startMaskingGateway(
  port: number,
  { database = DATABASE, uniform = false }: GatewayOptions = {},
): Promise<MaskingGateway> {
  const login = { ...OWNER, database };
  const text = POLICY.replaceAll('${PORT}', String(port)).replace(
    'database: shop',
    `database: ${database}`,
  );
  const parsed = parsePolicy(
    uniform ? text.replaceAll(/as: (?:partial|hash|fake)/g, 'as: redact') : text,
    {
      development: true,
    },
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  const policy = compilePolicy(parsed.value, 1);
  const target = policy.targets.get('shop-db');
  if (target === undefined) throw new Error('no target');
  const rules = ruleSet(policy, AGENT, target, { client: 'test', country: 'XX' });
  const masks: MasksInForce = { masks: maskSet(policy, AGENT, target), keyed: true };
  const { parse } = await loadSqlParser();

  let snapshot: CatalogSnapshot = await readCatalog(() => connection(port), login);
  let stale = false;
  const inspector = createInspect({ parse, catalog: () => snapshot.catalog });
  let inspect = inspector;
  const refresh = async () => {
    stale = false;
    const next = await readCatalog(() => connection(port), login, snapshot);
    if (next.catalog.version === snapshot.catalog.version) return;
    snapshot = next;
    inspect = (sql, context) => inspector(sql, context);
  };
  const reread = new Set<string>();
  const ends: { code: string; detail: string }[] = [];
  let sessions = 0;

  const decide = (effect: Decide, session: number): Decision | null => {
    const key = `${session}.${effect.id}`;
    const sql = effect.action.kind === 'sql' ? effect.action.sql : null;
    const needs = effect.unresolved.length > 0 || (sql?.effect !== 'session' && stale);
    if (sql !== null && needs && !reread.has(key)) {
      reread.add(key);
      return null;
    }
    reread.delete(key);
    const marks = { revision: 1, observed: [] };
    if (effect.refusal !== null) return { ...effect.refusal, ...marks };
    if (effect.unresolved.length > 0) {
      const message = `Not known on this target: ${effect.unresolved.join(', ')}.`;
      return { kind: 'deny', code: 'sql_unknown_object', rule: null, message, hint: '', ...marks };
    }
    return maskedDecision(effect, judge(rules, effect.action, NOW), masks);
  };

  const serve = (client: Socket): void => {
    const session = ++sessions;
    const engine: Engine = createPostgresEngine({
      crypto: nativeCrypto,
      inspect: () => inspect,
      target: { id: 'shop-db', database, readOnly: false },
      principalAuthenticated: false,
      clientKey: { processId: session, secret: nativeCrypto.randomBytes(32) },
      nonce: 'maskingnonce0123456789',
      maskers: createResultMaskers(() => maskers),
    });
    let server: Socket | null = null;
    let over = false;
    const queue: Effect[] = [];
    let performing = false;
    const perform = (effects: readonly Effect[]): void => {
      queue.push(...effects);
      if (performing) return;
      performing = true;
      for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
        if (!over) one(effect);
      }
      performing = false;
    };
    const one = (effect: Effect): void => {
      switch (effect.kind) {
        case 'send':
          (effect.to === 'client' ? client : server)?.write(effect.bytes.slice());
          return;
        case 'authenticate':
          queue.push(...engine.authenticated({ ok: true }));
          return;
        case 'dial':
          server = connect(port, '127.0.0.1');
          server.setNoDelay(true);
          server.on('connect', () => perform(engine.dialled(login)));
          server.on('data', (chunk) => perform(engine.fromServer(new Uint8Array(chunk))));
          server.on('close', () => perform(engine.serverClosed()));
          server.on('error', () => perform(engine.undialled('target_unreachable')));
          return;
        case 'decide': {
          const decision = decide(effect, session);
          if (decision === null) void refresh().then(() => perform(engine.reconsider(effect.id)));
          else queue.push(...engine.decided(effect.id, decision));
          return;
        }
        case 'stale':
          stale = true;
          return;
        case 'close':
          over = true;
          ends.push({ code: effect.code, detail: effect.detail });
          client.end();
          server?.end();
          return;
        case 'record':
        case 'cancel':
          return;
        default:
          throw new Error('unknown effect');
      }
    };
    client.setNoDelay(true);
    client.on('data', (chunk) => perform(engine.fromClient(new Uint8Array(chunk))));
    client.on('close', () => perform(engine.clientClosed()));
    client.on('error', () => perform(engine.clientClosed()));
  };

  const clients = new Set<Socket>();
  const listener = createServer((client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    serve(client);
  });
  const listening = await new Promise<number>((resolve) => {
    listener.listen(0, '127.0.0.1', () => resolve((listener.address() as AddressInfo).port));
  });
  return {
    address: { port: listening, user: 'agent', password: 'token', database },
    refresh,
    ends,
    close: () =>
      new Promise((resolve) => {
        for (const client of clients) client.destroy();
        listener.close(() => resolve());
      }),
  };
}

/** A socket as the gateway's dialled connections look. */
async function connection(port: number): Promise<Connection> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opening = connect(port, '127.0.0.1', () => resolve(opening));
    opening.once('error', reject);
  });
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return {
    read: async () => {
      const { value, done } = await chunks.next();
      return done === true ? null : value;
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => void socket.destroy(),
  };
}
