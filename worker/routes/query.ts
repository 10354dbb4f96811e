// POST /v1/targets/{target}/query: one SQL statement over HTTP. The body is checked here and handed to a Call object, which
// runs it in a session like any other; nothing about the statement is decided at the door.
import { Hono, type Context } from 'hono';
import { callId, fingerprint, submitCall } from '../../adapters/calls.ts';
import { bindParams } from '../../core/call/params.ts';
import type { CallView } from '../../core/call/order.ts';
import {
  idempotencyKey,
  MAX_QUERY_BODY_BYTES,
  queryBody,
  type QueryBody,
} from '../../core/call/request.ts';
import { callAnswer, callerOf, reached } from '../call-answer.ts';
import type { DoorEnv } from '../door-env.ts';
import { HttpFailure } from '../render-failure.ts';
import { readJson } from '../request-body.ts';
import { TARGET_NAME } from './postgres.ts';

/** What still runs then is answered with 202, before anything in between gives up on the request. */
const MAX_ANSWER_MS = 45_000;

/** Behind requirePrincipal. */
export const queryRoutes = new Hono<DoorEnv>();

queryRoutes.post('/v1/targets/:target/query', async (c) => {
  const target = c.req.param('target');
  // Any other name is looked at by the session, which answers for an unknown one as for one that is not allowed.
  if (!TARGET_NAME.test(target)) throw new HttpFailure('no_rule');
  const header = c.req.header('idempotency-key');
  const key = header === undefined ? null : idempotencyKey(header);
  if (header !== undefined && key === null) throw new HttpFailure('idempotency_key_invalid');
  const body = await readJson(c, queryBody, MAX_QUERY_BODY_BYTES);
  const id = callId(c.get('principal'), target, key);
  return callAnswer(c, await submitted(c, id, target, body));
});

/** Begins or joins the call `id`. @throws HttpFailure request_invalid, idempotency_conflict, call_unavailable */
export async function submitted(
  c: Context<DoorEnv>,
  id: string,
  target: string,
  body: QueryBody,
): Promise<CallView> {
  const params = bindParams(body.params, body.types ?? []);
  if (!params.ok) {
    throw new HttpFailure(
      'request_invalid',
      `Parameter $${params.param} is not a value of its type.`,
    );
  }
  const caller = callerOf(c);
  const order = { id, target, fingerprint: fingerprint(target, body), body, caller };
  const answer = await reached(() => submitCall(c.env, order, MAX_ANSWER_MS));
  if (answer.kind === 'conflict') throw new HttpFailure('idempotency_conflict');
  return answer.view;
}
