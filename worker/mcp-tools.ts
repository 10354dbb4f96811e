// What the tools of POST /mcp do: each is one call into what the JSON API's routes do, with the same policy behind it, and
// its answer put into words (core/mcp). Nothing here votes on an approval, and nothing it calls does.
import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import { callId, isCallId, readCall } from '../adapters/calls.ts';
import { nativeCrypto } from '../adapters/crypto.ts';
import { gatewayOrigin } from '../adapters/env.ts';
import { toHex } from '../core/bytes.ts';
import type { EngineEvent } from '../core/audit/event.ts';
import type { CallView } from '../core/call/order.ts';
import { isFinal } from '../core/call/outcome.ts';
import { DEFAULT_TIMEOUT_SECONDS } from '../core/call/request.ts';
import type { MaskSet } from '../core/masking/mask.ts';
import { DESCRIBE_SQL, describedColumns, likePattern } from '../core/mcp/describe.ts';
import type { Waiting } from '../core/mcp/elicitation.ts';
import { fenced, plainJson } from '../core/mcp/fence.ts';
import { failureText, refusalText } from '../core/mcp/refusal.ts';
import { callOutput, callText, fittingRows } from '../core/mcp/result.ts';
import { approvalPage } from '../core/mcp/task.ts';
import { MAX_DESCRIBED_COLUMNS, type ToolInput, type ToolName } from '../core/mcp/tools.ts';
import { maskSet } from '../core/policy/mask.ts';
import { activePolicy } from './approval-access.ts';
import { httpRequest } from './mcp-http.ts';
import { callerOf, reached } from './call-answer.ts';
import type { DoorEnv } from './door-env.ts';
import { HttpFailure, publicDetail } from './render-failure.ts';
import { accessStanding, askForAccess } from './routes/grants.ts';
import { submitted } from './routes/query.ts';
import { reachableTargets } from './routes/targets.ts';

type Door = Context<DoorEnv>;

export interface ToolAnswer {
  readonly result: CallToolResult;
  /** Handle of what is not over; null: `result` is all there will be. */
  readonly open: string | null;
  /** What people are asked; null where they are not. */
  readonly waiting: Waiting | null;
}

/** A call that is sent again after its caller was shown where people decide. */
export interface Resumed {
  readonly id: string;
  readonly waitMs: number;
}

type Tools = {
  readonly [Name in ToolName]: (
    c: Door,
    input: ToolInput<Name>,
    resumed: Resumed | null,
  ) => Promise<ToolAnswer>;
};

/** The session's record says what was masked; more events than these are not looked through. */
const MAX_EVENTS_READ = 64;

export const tools: Tools = {
  async list_targets(c) {
    const targets = (await reachableTargets(c)).map((target) => ({ ...target }));
    const lines = targets.map(plainJson);
    return over(answer({ targets }, [`${targets.length} targets:`, ...lines].join('\n')));
  },

  async describe_schema(c, { target, pattern }, resumed) {
    const view = await submittedAs(c, null, resumed, target, {
      sql: DESCRIBE_SQL,
      params: [likePattern(pattern)],
      maxRows: MAX_DESCRIBED_COLUMNS,
    });
    if (view.failure !== null) return over(refused(view));
    const { call, state, next, approval, truncatedBy } = callOutput(view, [], originOf(c));
    const { rows, cut } = fittingRows(view.rows);
    const columns = [...describedColumns(rows, await masksOf(c, target))];
    const truncated = cut || truncatedBy !== null;
    const output = { call, state, next, approval, columns, truncated };
    if (state !== 'succeeded') {
      return unfinished(c, view, answer(output, `State: ${state}. ${next}\nCall: ${call}`));
    }
    const head = `${columns.length} columns${truncated ? ', TRUNCATED: narrow it with pattern' : ''}. \`masked\` says how values are shown to you.`;
    return over(answer(output, `${head}\n${fenced(target, columns.map(plainJson), nonce())}`));
  },

  async query(c, { target, sql, params, maxRows, idempotencyKey }, resumed) {
    const key = idempotencyKey ?? null;
    const view = await submittedAs(c, key, resumed, target, { sql, params, maxRows });
    return unfinished(c, view, await callResult(c, view), key !== null);
  },

  async http_request(c, input) {
    const told = await httpRequest(c, input, new URL(c.req.url).origin, nonce());
    return over(told.kind === 'refused' ? refusal(told.text) : answer(told.output, told.text));
  },

  async check_approval(c, { call, waitSeconds }) {
    if (call.includes('-')) return over(accessResult(await accessStanding(c, call, waitSeconds)));
    const view = await reached(() => readCall(c.env, call, callerOf(c), waitSeconds * 1000));
    if (view === null) throw new HttpFailure('not_found');
    return over(await callResult(c, view));
  },

  async request_access(c, { target, minutes, reason }, resumed) {
    if (resumed !== null) return accessAnswer(await resumedAccess(c, resumed, target));
    const { grant } = await askForAccess(c, { target, forSeconds: minutes * 60, reason });
    return accessAnswer(grant);
  },
};

function over(result: CallToolResult): ToolAnswer {
  return { result, open: null, waiting: null };
}

/** The answer of a call that may still wait, for people or for its target. */
function unfinished(c: Door, view: CallView, result: CallToolResult, joins = false): ToolAnswer {
  const { id, target, state, approval } = view;
  if (view.failure !== null || state === 'succeeded') return over(result);
  if (state !== 'pending' || approval === null) return { result, open: id, waiting: null };
  const waiting = { id, target, approval, url: approvalPage(originOf(c), approval), joins };
  return { result, open: id, waiting };
}

function accessAnswer(grant: Access): ToolAnswer {
  const result = accessResult(grant);
  if (grant.state !== 'pending' || !('url' in grant)) return over(result);
  const { id, target, url } = grant;
  return { result, open: id, waiting: { id, target, approval: id, url, joins: false } };
}

/** @throws ProtocolError where the state is not of a request of theirs for this target */
async function resumedAccess(c: Door, { id, waitMs }: Resumed, target: string): Promise<Access> {
  const grant = await accessStanding(c, id, waitMs / 1000).catch((error: unknown) => {
    if (error instanceof HttpFailure && error.code === 'not_found') throw invalidState();
    throw error;
  });
  const own = grant.principal === c.get('principal').id && grant.target === target;
  if (!own) throw invalidState();
  return grant;
}

/** Of a retry whose state no answer to this call has given. */
export function invalidState(): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid or expired requestState', {
    reason: 'invalid_request_state',
  });
}

/**
 * A failure in a model's words. The SDK would show a bug's own message to the caller: of one that is not meant for them only
 * the code is left.
 */
export function failed(error: unknown): CallToolResult {
  if (error instanceof CallFailure) {
    return refusal(failureText(error.code, error.detail, error.call));
  }
  if (error instanceof HttpFailure) {
    return refusal(failureText(error.code, error.detail ?? publicDetail(error.code)));
  }
  const name = error instanceof Error ? error.name : 'unknown';
  console.error(JSON.stringify({ event: 'mcp_tool_failed', error: name }));
  return refusal(failureText('internal', publicDetail('internal')));
}

/** A failure after a call had its handle. */
class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly code: string;
  readonly detail: string;
  readonly call: string;

  constructor({ code, detail }: HttpFailure, call: string) {
    super(code);
    this.code = code;
    this.detail = detail ?? publicDetail(code);
    this.call = call;
  }
}

async function submittedAs(
  c: Door,
  key: string | null,
  resumed: Resumed | null,
  target: string,
  { sql, params, maxRows }: Pick<ToolInput<'query'>, 'sql' | 'params' | 'maxRows'>,
): Promise<CallView> {
  const body = { sql, params, maxRows, timeoutSeconds: DEFAULT_TIMEOUT_SECONDS };
  const id = resumed?.id ?? callId(c.get('principal'), target, key);
  try {
    return resumed === null
      ? await submitted(c, id, target, body)
      : await resumedCall(c, resumed, () => submitted(c, id, target, body));
  } catch (error) {
    // Whether it ran can be asked by its handle.
    if (error instanceof HttpFailure && error.code === 'call_unavailable')
      throw new CallFailure(error, id);
    throw error;
  }
}

/**
 * Joins the call that the state names. It is looked for first: a call is never begun under an id that a client has chosen.
 * @throws ProtocolError where it is not theirs, or was asked with other words
 */
async function resumedCall(
  c: Door,
  { id, waitMs }: Resumed,
  join: () => Promise<CallView>,
): Promise<CallView> {
  if (!isCallId(id)) throw invalidState();
  const read = (ms: number): Promise<CallView | null> =>
    reached(() => readCall(c.env, id, callerOf(c), ms));
  if ((await read(0)) === null) throw invalidState();
  let view: CallView;
  try {
    view = await join();
  } catch (error) {
    if (error instanceof HttpFailure && error.code === 'idempotency_conflict') throw invalidState();
    throw error;
  }
  return isFinal(view.state) || waitMs === 0 ? view : ((await read(waitMs)) ?? view);
}

/** Also what tasks/get has for a call that is over. */
export async function callResult(c: Door, view: CallView): Promise<CallToolResult> {
  if (view.failure !== null) return refused(view);
  const output = callOutput(view, await maskedIn(c, view), originOf(c));
  return answer(output, callText(output, view.target, nonce()));
}

function refused({ failure, target, id }: CallView): CallToolResult {
  if (failure === null) throw new Error('not refused');
  return refusal(refusalText(failure, target, id, nonce()));
}

type Access =
  | Awaited<ReturnType<typeof askForAccess>>['grant']
  | Awaited<ReturnType<typeof accessStanding>>;

export function accessResult(grant: Access): CallToolResult {
  const { id: call, state, target, endsAt } = grant;
  const url = 'url' in grant ? grant.url : null;
  const askedOf = 'askedOf' in grant ? grant.askedOf : [];
  const next = nextOfAccess(state, url, call);
  const output = { call, state, next, target, url, askedOf, endsAt };
  return answer(output, `Access to ${target}: ${state}. ${next}\nCall: ${call}`);
}

function nextOfAccess(state: string, url: string | null, call: string): string {
  switch (state) {
    case 'pending':
      return `A person has to agree. Show them ${url ?? 'the approvals page'} and call check_approval with call "${call}".`;
    case 'active':
      return 'You have access: use query.';
    case 'denied':
      return 'A person refused. Do not ask for the same again unless something has changed.';
    default:
      return 'There is no access. Ask again with request_access if it is still needed.';
  }
}

/** Null: unknown. Read from the session's record, which was written before its rows were sent. */
async function maskedIn(c: Door, { session, state }: CallView): Promise<readonly string[] | null> {
  if (state !== 'succeeded') return [];
  try {
    const events = await c.env.SESSION.getByName(session).events(0, MAX_EVENTS_READ);
    const intents = events
      .map(({ json }) => JSON.parse(json) as EngineEvent)
      .filter((event) => event.kind === 'intent');
    if (intents.length === 0) return null;
    return [...new Set(intents.flatMap(({ decision }) => decision.masked ?? []))];
  } catch {
    // The rows are there all the same, and the answer says that it does not know.
    console.warn(JSON.stringify({ event: 'mcp_masks_unread', session }));
    return null;
  }
}

async function masksOf(c: Door, target: string): Promise<MaskSet | null> {
  const { policy } = await activePolicy(c);
  const known = policy.targets.get(target);
  return known === undefined ? null : maskSet(policy, c.get('principal'), known);
}

function answer(structuredContent: Record<string, unknown>, text: string): CallToolResult {
  return { content: [{ type: 'text', text }], structuredContent };
}

export function refusal(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

function originOf(c: Door): string {
  return gatewayOrigin(c.env, c.req.url);
}

function nonce(): string {
  return toHex(nativeCrypto.randomBytes(16));
}
