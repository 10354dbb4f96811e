// A call as HTTP shows it: 200 with rows, 202 while it runs or waits for people, a problem document when it ended otherwise.
// The same call looks the same whether it was posted or polled.
import type { Context } from 'hono';
import { gatewayOrigin } from '../adapters/env.ts';
import type { CallCaller, CallView } from '../core/call/order.ts';
import type { DoorEnv } from './door-env.ts';
import { HttpFailure, isProblemCode, problem } from './render-failure.ts';
import { clientOf } from './routes/postgres.ts';

/** Seconds a caller should leave between two polls that do not wait. */
const RETRY_RUNNING = 2;
const RETRY_HELD = 5;
const MAX_TASK_CHARS = 200;

/** Who asks, with the token of this request. */
export function callerOf(c: Context<DoorEnv>): CallCaller {
  return {
    principal: c.get('principal'),
    origin: gatewayOrigin(c.env, c.req.url),
    client: clientOf(c),
    // It becomes an application_name, which Postgres keeps in ASCII.
    task: (c.req.header('x-postern-task') ?? '')
      .replaceAll(/[^\x20-\x7e]/g, '?')
      .slice(0, MAX_TASK_CHARS),
  };
}

export function callAnswer(c: Context<DoorEnv>, view: CallView): Response {
  const { id, state, session, result, failure } = view;
  if (state === 'succeeded' && result !== null) return c.body(rowsJson(view), 200, JSON_HEADERS);
  if (failure === null) return waiting(c, view);
  const code = isProblemCode(failure.code) ? failure.code : 'internal';
  return problem(c, code, {
    detail: failure.message,
    hint: failure.hint,
    // One that was kept by an older version has none.
    retryAfterSeconds: failure.retryAfterSeconds ?? null,
    members: {
      call: id,
      state,
      session,
      ...present({
        rule: failure.rule,
        sqlstate: failure.sqlstate,
        targetDetail: failure.detail,
        position: failure.position === '' ? null : Number(failure.position),
        constraint: failure.constraint,
      }),
    },
  });
}

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/** The rows are JSON already: they are put in, not read and written again. */
function rowsJson({ id, session, result, rows }: CallView): string {
  const { columns = [], rowCount = null, command = '', truncatedBy = null } = result ?? {};
  const head = JSON.stringify({
    call: id,
    state: 'succeeded',
    session,
    command,
    rowCount,
    truncated: truncatedBy !== null,
    truncatedBy,
    columns,
  });
  return `${head.slice(0, -1)},"rows":[${rows}]}`;
}

function waiting(c: Context<DoorEnv>, { id, state, approval }: CallView): Response {
  const poll = `/v1/calls/${id}`;
  const held = state === 'pending' && approval !== null;
  const retryAfter = held ? RETRY_HELD : RETRY_RUNNING;
  const page = gatewayOrigin(c.env, c.req.url);
  return c.json(
    {
      call: id,
      state,
      approval: approval === null ? null : { id: approval, url: `${page}/approvals/${approval}` },
      poll,
      retryAfter,
    },
    202,
    { location: poll, 'retry-after': String(retryAfter), 'cache-control': 'no-store' },
  );
}

function present(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== null && value !== ''),
  );
}

/** A Durable Object that is being moved or restarted throws; the key makes asking again safe. */
export async function reached<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch {
    throw new HttpFailure('call_unavailable');
  }
}
