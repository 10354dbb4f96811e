// The door. One request in; one answer out, or one socket handed to a Session object. What happens, in order: the route
// is found, the token verified, the target's object asked. Everything that is not listed here does not exist.
import { Hono } from 'hono';
import type { Env } from '../adapters/env.ts';
import { requirePrincipal } from './authenticate.ts';
import type { DoorEnv } from './door-env.ts';
import { problem, renderFailure } from './render-failure.ts';
import { auditRoutes } from './routes/audit.ts';
import { discoveryRoutes } from './routes/discovery.ts';
import { healthRoutes } from './routes/health.ts';
import { postgresRoutes } from './routes/postgres.ts';
import { targetRoutes } from './routes/targets.ts';
import { sweep } from './sweep.ts';

const app = new Hono<DoorEnv>();

app.onError(renderFailure);
app.notFound((c) => problem(c, 'not_found'));

app.route('/', healthRoutes);
app.route('/', discoveryRoutes);
app.route('/', postgresRoutes);

app.use('/v1/*', requirePrincipal);
app.route('/', targetRoutes);
app.route('/', auditRoutes);

export default {
  fetch: app.fetch,
  /** Every five minutes: closes what crashes left open, prunes what retention ends. */
  async scheduled(_event, env, ctx) {
    ctx.waitUntil(sweep(env, Date.now()));
  },
} satisfies ExportedHandler<Env>;

export { Approval } from '../durable-objects/approval.ts';
export { Grant } from '../durable-objects/grant.ts';
export { Session } from '../durable-objects/session.ts';
