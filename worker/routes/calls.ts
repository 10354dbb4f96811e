// /v1/calls/{id}: how a call stands. Only whoever made it sees it; for everybody else there is none.
import { Hono } from 'hono';
import { z } from 'zod';
import { cancelCall, isCallId, readCall } from '../../adapters/calls.ts';
import { callAnswer, callerOf, reached } from '../call-answer.ts';
import type { DoorEnv } from '../door-env.ts';
import { HttpFailure } from '../render-failure.ts';
import { MAX_WAIT_SECONDS } from './approvals.ts';
import { parseQuery } from './audit-query.ts';

export const callQuery = z.strictObject({
  wait: z.coerce.number().int().min(0).max(MAX_WAIT_SECONDS).default(0),
});

/** Behind requirePrincipal. */
export const callRoutes = new Hono<DoorEnv>();

callRoutes.get('/v1/calls/:id', async (c) => {
  const { wait } = parseQuery(callQuery, c.req.query());
  const id = c.req.param('id');
  if (!isCallId(id)) throw new HttpFailure('not_found');
  const view = await reached(() => readCall(c.env, id, callerOf(c), wait * 1000));
  if (view === null) throw new HttpFailure('not_found');
  return callAnswer(c, view);
});

callRoutes.delete('/v1/calls/:id', async (c) => {
  const id = c.req.param('id');
  if (!isCallId(id)) throw new HttpFailure('not_found');
  const view = await reached(() => cancelCall(c.env, id, c.get('principal').id));
  if (view === null) throw new HttpFailure('not_found');
  return callAnswer(c, view);
});
