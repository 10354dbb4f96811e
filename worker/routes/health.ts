// /healthz: the Worker runs. /readyz: what it depends on answers, each by name, so that an operator sees which does not.
import { Hono } from 'hono';
import { isDevelopment } from '../../adapters/env.ts';
import { policies } from '../../adapters/policy-store.ts';
import type { DoorEnv } from '../door-env.ts';

export const healthRoutes = new Hono<DoorEnv>();

healthRoutes.get('/healthz', (c) => c.json({ status: 'ok' }));

healthRoutes.get('/readyz', async (c) => {
  const checks = {
    policy: await policyAnswers(c.env),
    database: await answers(() => c.env.DB.prepare('SELECT 1').first()),
    recordings: await answers(() => c.env.RECORDINGS.head('readyz')),
  };
  const ready = Object.values(checks).every((state) => state === 'ok');
  return c.json({ status: ready ? 'ok' : 'failing', checks }, ready ? 200 : 503);
});

async function policyAnswers(env: DoorEnv['Bindings']): Promise<'ok' | 'failing'> {
  const active = await policies.current(env.DB, isDevelopment(env), Date.now());
  return active.ok ? 'ok' : 'failing';
}

async function answers(probe: () => Promise<unknown>): Promise<'ok' | 'failing'> {
  try {
    await probe();
    return 'ok';
  } catch {
    // The answer is the report; the reason may name internals and stays out of a public page.
    return 'failing';
  }
}
