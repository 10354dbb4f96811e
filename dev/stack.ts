// The whole of Postern on one machine, started in the order in which one part needs another and ended in reverse. What
// each part is lives in its own file; here is only who needs what.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBilling } from './billing/server.ts';
import { ROOT, currentBundle } from './bundle.ts';
import { startGateway } from './gateway.ts';
import type { Gateway } from './gateway.ts';
import { startIssuers } from './issuer/server.ts';
import type { IssuerServer } from './issuer/server.ts';
import { migrate } from './migrations.ts';
import type { Options } from './options.ts';
import { complain } from './output.ts';
import { applyPolicy, expectedAudiences, fillTemplate } from './policy.ts';
import type { Applied } from './policy.ts';
import { freePort, keptPort } from './ports.ts';
import { startReaper } from './reaper.ts';
import type { Reaper } from './reaper.ts';
import { readSecrets } from './secrets.ts';
import { startShop } from './shop/shop.ts';
import type { Shop } from './shop/shop.ts';
import { announce, keptSecret, openState, writeWhole } from './state.ts';
import type { State } from './state.ts';
import { startTunnelConnector } from './tunnel-connector.ts';
import type { TunnelConnector } from './tunnel-connector.ts';
import { watchFile } from './watch.ts';

export interface Stack {
  readonly gateway: string;
  readonly issuer: string;
  readonly people: string;
  readonly state: State;
  /** The policy file that is in force and watched. */
  readonly policyFile: string;
  /** null with --no-demo. */
  readonly shop: Shop | null;
  /** Credentials of the demo's targets, for whoever looks for them; empty with --no-demo. */
  readonly secrets: { readonly billing: string };
  stop(): Promise<void>;
}

/** What starting, and later the policy's watch, has to tell. */
export interface Progress {
  step(what: string): void;
  policy(applied: Applied, file: string): void;
}

/** Parts that were started, newest first; stopping them is the same whether all of it or half of it came up. */
type Stop = () => Promise<void> | void;

export async function startStack(options: Options, progress: Progress): Promise<Stack> {
  const secrets = options.secrets === null ? {} : readSecrets(options.secrets);
  const state = openState(options.state, options.fresh);
  const stops: Stop[] = [() => state.release()];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  try {
    return { ...(await startParts(options, secrets, state, stops, progress)), state, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: Options,
  given: Readonly<Record<string, string>>,
  state: State,
  stops: Stop[],
  progress: Progress,
): Promise<Omit<Stack, 'state' | 'stop'>> {
  const reaper = startReaper();
  stops.push(() => reaper.dismiss());
  const bundle = await currentBundle(() => progress.step('building the Worker'));

  // Ports before parts: the policy names the issuer, and tokens name the gateway.
  const port = await gatewayPort(options.port);
  const gatewayUrl = `http://127.0.0.1:${port}`;
  const issuerPort = await keptPort(state, 'issuer', options.port === 0 ? 0 : options.port + 1);

  progress.step('starting the OIDC issuer');
  const issuers = await startIssuers(state, issuerPort, gatewayUrl);
  stops.push(() => issuers.close());

  const demo = options.shop ? await startDemo(state, reaper, stops, progress) : null;

  progress.step('starting the gateway');
  const secrets = { ...ownSecrets(state), ...demo?.secrets, ...given };
  const gateway = await startGateway({ bundle, state, port, secrets, reaper });
  stops.push(() => gateway.close());
  await migrate(await gateway.database());

  const values = { GATEWAY: gatewayUrl, ISSUER: issuers.workloads, ...demo?.values };
  const policyFile = options.config ?? writeDemoPolicy(state, values);
  stops.push(await enforce(policyFile, gateway, issuers, progress));

  await answers(`${gateway.url}/readyz`);
  for (const issuer of [issuers.workloads, issuers.people]) {
    await answers(`${issuer}/.well-known/openid-configuration`);
  }
  announce(state, { gateway: gatewayUrl, issuer: issuers.workloads, pid: process.pid });
  return {
    gateway: gatewayUrl,
    issuer: issuers.workloads,
    people: issuers.people,
    policyFile,
    shop: demo?.shop ?? null,
    secrets: { billing: demo?.secrets['BILLING_KEY'] ?? '' },
  };
}

async function gatewayPort(wanted: number): Promise<number> {
  const port = await freePort(wanted);
  if (wanted !== 0 && port !== wanted) {
    throw new Error(`port ${wanted} is taken: give another with --port, or 0 for any free one`);
  }
  return port;
}

/** The gateway's own: what seals the cookies of people who log in to approve, and what `hash` and `fake` masks are keyed with. */
function ownSecrets(state: State): Readonly<Record<string, string>> {
  return {
    SESSION_KEY: keptSecret(state, 'session'),
    POSTERN_MASK_KEY: keptSecret(state, 'masks'),
  };
}

interface Demo {
  readonly shop: Shop;
  readonly tunnel: TunnelConnector;
  readonly secrets: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, string>>;
}

async function startDemo(
  state: State,
  reaper: Reaper,
  stops: Stop[],
  progress: Progress,
): Promise<Demo> {
  progress.step('starting Postgres with the shop database');
  const shop = await startShop(state, reaper);
  stops.push(() => shop.stop());
  const access = { id: 'development.access', secret: keptSecret(state, 'access') };
  const tunnel = await startTunnelConnector({
    target: { host: '127.0.0.1', port: shop.port },
    access,
    port: await keptPort(state, 'tunnel'),
  });
  stops.push(() => tunnel.close());
  const billingKey = keptSecret(state, 'billing');
  const billing = await startBilling(billingKey, await keptPort(state, 'billing'));
  stops.push(() => billing.close());
  return {
    shop,
    tunnel,
    secrets: {
      SHOP_DB_PASSWORD: shop.password,
      TUNNEL_ACCESS: `${access.id}:${access.secret}`,
      BILLING_KEY: billingKey,
    },
    values: { SHOP_PORT: String(shop.port), TUNNEL: tunnel.url, BILLING: billing.url },
  };
}

function writeDemoPolicy(state: State, values: Readonly<Record<string, string>>): string {
  const template = 'TUNNEL' in values ? 'postern.demo.yaml' : 'postern.bare.yaml';
  const file = state.path('postern.yaml');
  writeWhole(file, fillTemplate(readFileSync(join(ROOT, 'dev', template), 'utf8'), values), 0o644);
  return file;
}

/** Applies the file now and whenever it changes. @throws Error when it is invalid now. */
async function enforce(
  file: string,
  gateway: Gateway,
  issuers: IssuerServer,
  progress: Progress,
): Promise<Stop> {
  const apply = async (): Promise<Applied> => {
    const applied = await applyPolicy(await gateway.database(), file);
    if (applied.kind !== 'invalid') issuers.expectAudiences(expectedAudiences(applied.policy));
    return applied;
  };
  const first = await apply();
  if (first.kind === 'invalid') throw new Error(`${first.problems}\nnothing was started`);
  progress.policy(first, file);
  return watchFile(file, async () => {
    try {
      progress.policy(await apply(), file);
    } catch (error) {
      complain(`policy: ${String(error)}; the active revision stays`);
    }
  });
}

/** @throws Error with its own words when a part does not call itself ready. */
async function answers(url: string): Promise<void> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} is not ready: ${await response.text()}`);
}
