// What the tools of POST /mcp do: each is one call into what the JSON API's routes do, with the same policy behind it, and
// its answer put into words (core/mcp). Nothing here votes on an approval, and nothing it calls does.
import type { CallToolResult } from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import { callId, readCall } from '../adapters/calls.ts';
import { nativeCrypto } from '../adapters/crypto.ts';
import { gatewayOrigin } from '../adapters/env.ts';
import { toHex } from '../core/bytes.ts';
import type { EngineEvent } from '../core/audit/event.ts';
import type { CallView } from '../core/call/order.ts';
import { DEFAULT_TIMEOUT_SECONDS } from '../core/call/request.ts';
import type { MaskSet } from '../core/masking/mask.ts';
import { DESCRIBE_SQL, describedColumns, likePattern } from '../core/mcp/describe.ts';
import { fenced, plainJson } from '../core/mcp/fence.ts';
import { failureText, refusalText } from '../core/mcp/refusal.ts';
import { callOutput, callText, fittingRows } from '../core/mcp/result.ts';
import { MAX_DESCRIBED_COLUMNS, type ToolInput, type ToolName } from '../core/mcp/tools.ts';
import { maskSet } from '../core/policy/mask.ts';
import { activePolicy } from './approval-access.ts';
import { callerOf, reached } from './call-answer.ts';
import type { DoorEnv } from './door-env.ts';
import { HttpFailure, publicDetail } from './render-failure.ts';
import { accessStanding, askForAccess } from './routes/grants.ts';
import { submitted } from './routes/query.ts';
import { reachableTargets } from './routes/targets.ts';

type Door = Context<DoorEnv>;

type Tools = {
  readonly [Name in ToolName]: (c: Door, input: ToolInput<Name>) => Promise<CallToolResult>;
};

/** The session's record says what was masked; more events than these are not looked through. */
const MAX_EVENTS_READ = 64;

export const tools: Tools = {
  async list_targets(c) {
    const targets = (await reachableTargets(c)).map((target) => ({ ...target }));
    const lines = targets.map(plainJson);
    return answer({ targets }, [`${targets.length} targets:`, ...lines].join('\n'));
  },

  async describe_schema(c, { target, pattern }) {
    const id = callId(c.get('principal'), target, null);
    const view = await submittedAs(c, id, target, {
      sql: DESCRIBE_SQL,
      params: [likePattern(pattern)],
      maxRows: MAX_DESCRIBED_COLUMNS,
    });
    if (view.failure !== null) return refused(view);
    const { call, state, next, approval, truncatedBy } = callOutput(view, [], originOf(c));
    const { rows, cut } = fittingRows(view.rows);
    const columns = [...describedColumns(rows, await masksOf(c, target))];
    const truncated = cut || truncatedBy !== null;
    const output = { call, state, next, approval, columns, truncated };
    if (state !== 'succeeded') return answer(output, `State: ${state}. ${next}\nCall: ${call}`);
    const head = `${columns.length} columns${truncated ? ', TRUNCATED: narrow it with pattern' : ''}. \`masked\` says how values are shown to you.`;
    return answer(output, `${head}\n${fenced(target, columns.map(plainJson), nonce())}`);
  },

  async query(c, { target, sql, params, maxRows, idempotencyKey }) {
    const id = callId(c.get('principal'), target, idempotencyKey ?? null);
    return callResult(c, await submittedAs(c, id, target, { sql, params, maxRows }));
  },

  async check_approval(c, { call, waitSeconds }) {
    if (call.includes('-')) return accessResult(await accessStanding(c, call, waitSeconds));
    const view = await reached(() => readCall(c.env, call, callerOf(c), waitSeconds * 1000));
    if (view === null) throw new HttpFailure('not_found');
    return callResult(c, view);
  },

  async request_access(c, { target, minutes, reason }) {
    const asked = await askForAccess(c, { target, forSeconds: minutes * 60, reason });
    return accessResult(asked.grant);
  },
};

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
  id: string,
  target: string,
  { sql, params, maxRows }: Pick<ToolInput<'query'>, 'sql' | 'params' | 'maxRows'>,
): Promise<CallView> {
  const body = { sql, params, maxRows, timeoutSeconds: DEFAULT_TIMEOUT_SECONDS };
  try {
    return await submitted(c, id, target, body);
  } catch (error) {
    // Whether it ran can be asked by its handle.
    if (error instanceof HttpFailure && error.code === 'call_unavailable')
      throw new CallFailure(error, id);
    throw error;
  }
}

async function callResult(c: Door, view: CallView): Promise<CallToolResult> {
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

function accessResult(grant: Access): CallToolResult {
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

function refusal(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

function originOf(c: Door): string {
  return gatewayOrigin(c.env, c.req.url);
}

function nonce(): string {
  return toHex(nativeCrypto.randomBytes(16));
}
