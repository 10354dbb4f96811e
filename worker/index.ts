// The door. One request in; one answer out, or one socket handed to a Session object. What happens, in order: the route
// is found, the token verified, the target's object asked. Everything that is not listed here does not exist.
import { Hono } from 'hono';
import type { Env } from '../adapters/env.ts';
import { requirePrincipal } from './authenticate.ts';
import type { DoorEnv } from './door-env.ts';
import { problem, renderFailure } from './render-failure.ts';
import { approvalPages } from './routes/approval-pages.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { auditRoutes } from './routes/audit.ts';
import { callRoutes } from './routes/calls.ts';
import { discoveryRoutes } from './routes/discovery.ts';
import { grantRoutes } from './routes/grants.ts';
import { healthRoutes } from './routes/health.ts';
import { httpRoutes } from './routes/http.ts';
import { loginRoutes } from './routes/login.ts';
import { mcpRoutes } from './routes/mcp.ts';
import { mcpTargetRoutes } from './routes/mcp-target.ts';
import { postgresRoutes } from './routes/postgres.ts';
import { queryRoutes } from './routes/query.ts';
import { slackRoutes } from './routes/slack.ts';
import { targetRoutes } from './routes/targets.ts';
import { openApiRoutes } from './openapi.ts';
import { sweep } from './sweep.ts';

const app = new Hono<DoorEnv>();

app.onError(renderFailure);
app.notFound((c) => problem(c, 'not_found'));

app.route('/', healthRoutes);
app.route('/', discoveryRoutes);
app.route('/', openApiRoutes);
app.route('/', postgresRoutes);
app.route('/', httpRoutes);
app.route('/', mcpRoutes);
app.route('/', mcpTargetRoutes);
app.route('/', loginRoutes);
app.route('/', approvalPages);
app.route('/', slackRoutes);

app.use('/v1/*', requirePrincipal);
app.route('/', targetRoutes);
app.route('/', auditRoutes);
app.route('/', approvalRoutes);
app.route('/', grantRoutes);
app.route('/', queryRoutes);
app.route('/', callRoutes);

export default {
  fetch: app.fetch,
  /** Every five minutes: closes what crashes left open, prunes what retention ends. */
  async scheduled(_event, env, ctx) {
    ctx.waitUntil(sweep(env, Date.now()));
  },
} satisfies ExportedHandler<Env>;

export { Approval } from '../durable-objects/approval.ts';
export { Call } from '../durable-objects/call.ts';
export { Grant } from '../durable-objects/grant.ts';
export { Quota } from '../durable-objects/quota.ts';
export { Session } from '../durable-objects/session.ts';
