// GET /v1/targets: what this caller may reach. A target appears when opening a session on it would not be denied.
import { Hono, type Context } from 'hono';
import { judge, ruleSet } from '../../core/policy/judge.ts';
import { activePolicy } from '../approval-access.ts';
import type { DoorEnv } from '../door-env.ts';

export const targetRoutes = new Hono<DoorEnv>();

targetRoutes.get('/v1/targets', async (c) => c.json({ targets: await reachableTargets(c) }));

/** @throws HttpFailure policy_unreadable */
export async function reachableTargets(c: Context<DoorEnv>) {
  const principal = c.get('principal');
  const now = Date.now();
  const { policy } = await activePolicy(c);
  const request = {
    client: c.req.header('user-agent') ?? '',
    country: c.req.header('cf-ipcountry') ?? '',
  };
  return [...policy.targets.values()].flatMap((target) => {
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
        database: target.kind === 'postgres' ? target.database : null,
        labels: target.labels,
        // What an HTTP target may be asked to do is for rules alone to say.
        access: target.kind === 'postgres' ? target.access : 'read-write',
        connect: decision.kind,
      },
    ];
  });
}
