// GET /v1/targets: what this caller may reach. A target appears when opening a session on it would not be denied.
import { Hono } from 'hono';
import { isDevelopment } from '../../adapters/env.ts';
import { policies } from '../../adapters/policy-store.ts';
import { judge, ruleSet } from '../../core/policy/judge.ts';
import type { DoorEnv } from '../door-env.ts';
import { problem } from '../render-failure.ts';

export const targetRoutes = new Hono<DoorEnv>();

targetRoutes.get('/v1/targets', async (c) => {
  const principal = c.get('principal');
  const now = Date.now();
  const active = await policies.current(c.env.DB, isDevelopment(c.env), now);
  if (!active.ok) return problem(c, 'policy_unreadable');
  const { policy } = active.value;
  const request = {
    client: c.req.header('user-agent') ?? '',
    country: c.req.header('cf-ipcountry') ?? '',
  };
  const targets = [...policy.targets.values()].flatMap((target) => {
    const decision = judge(
      ruleSet(policy, principal, target, request),
      { kind: 'connect', connect: { ...request, protocol: target.kind } },
      now,
    );
    if (decision.kind === 'deny') return [];
    return [
      {
        id: target.id,
        kind: target.kind,
        database: target.database,
        labels: target.labels,
        access: target.access,
        connect: decision.kind,
      },
    ];
  });
  return c.json({ targets });
});
