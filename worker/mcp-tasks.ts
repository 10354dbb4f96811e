// tasks/get, tasks/update and tasks/cancel of the Tasks extension: a task is a call or an access request under its handle.
// Each is looked up for whoever asks now; of anybody else's, and of one that never was, the answer is the same.
// @see https://modelcontextprotocol.github.io/ext-tasks/specification/2026-07-28/tasks.html
import {
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type CallToolResult,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import { z } from 'zod';
import { approvalStub } from '../adapters/approvals.ts';
import { cancelCall, isCallId, readCall } from '../adapters/calls.ts';
import { gatewayOrigin } from '../adapters/env.ts';
import { TASKS_EXTENSION } from '../core/mcp/abilities.ts';
import { resumedHandle } from '../core/mcp/elicitation.ts';
import { accessTask, approvalPage, callTask, type Task } from '../core/mcp/task.ts';
import { asked, visibleApproval } from './approval-access.ts';
import { callerOf, reached } from './call-answer.ts';
import type { DoorEnv } from './door-env.ts';
import { accessResult, callResult } from './mcp-tools.ts';
import { declared } from './mcp-declared.ts';
import { HttpFailure, publicDetail } from './render-failure.ts';
import { accessStanding } from './routes/grants.ts';

type Door = Context<DoorEnv>;
type Answer = Readonly<Record<string, unknown>>;

const named = z.object({ taskId: z.string() });

/** On a server for one request of 2026-07-28; older revisions have tasks of another kind, which are not served. */
export function serveTasks(on: McpServer, c: Door): void {
  const { server } = on;
  const serve = (method: string, run: (id: string) => Promise<Answer>): void => {
    server.setRequestHandler(method, { params: named }, async ({ taskId }, ctx) => {
      requireTasks(ctx);
      const id = resumedHandle(taskId);
      if (id === null) throw unknownTask();
      return spoken(() => run(id));
    });
  };
  serve('tasks/get', (id) => detailed(c, id));
  serve('tasks/cancel', async (id) => {
    await cancelled(c, id);
    return {};
  });
  // No task here asks for anything, so there is nothing to take: least of all a vote.
  serve('tasks/update', async (id) => {
    await taskOf(c, id);
    return {};
  });
}

/** @throws ProtocolError -32602 where whoever asks has no such task */
export async function taskOf(c: Door, id: string): Promise<Task> {
  if (!isCallId(id)) return accessTask(await ownAccess(c, id));
  const view = await reached(() => readCall(c.env, id, callerOf(c), 0));
  if (view === null) throw unknownTask();
  return callTask(view, gatewayOrigin(c.env, c.req.url));
}

async function detailed(c: Door, id: string): Promise<Answer> {
  if (!isCallId(id)) {
    const access = await ownAccess(c, id);
    return finished(accessTask(access), () => accessResult(access.grant));
  }
  const view = await reached(() => readCall(c.env, id, callerOf(c), 0));
  if (view === null) throw unknownTask();
  return finished(callTask(view, gatewayOrigin(c.env, c.req.url)), () => callResult(c, view));
}

/** What the call itself would have answered, once there is that. */
async function finished(
  task: Task,
  result: () => CallToolResult | Promise<CallToolResult>,
): Promise<Answer> {
  if (task.status !== 'completed') return { ...task };
  return { ...task, result: { resultType: 'complete', ...(await result()) } };
}

/** Cooperative: what has ended meanwhile stays as it ended, and tasks/get says how. */
async function cancelled(c: Door, id: string): Promise<void> {
  const { id: principalId } = c.get('principal');
  if (isCallId(id)) {
    const view = await reached(() => cancelCall(c.env, id, principalId));
    if (view === null) throw unknownTask();
    return;
  }
  // Only the request is taken back. A window that is open is no task any more: giving it back is DELETE /v1/grants/{id}.
  await ownAccess(c, id);
  await asked(async () => approvalStub(c.env, id)?.cancel(id, principalId));
}

async function ownAccess(c: Door, id: string) {
  const principal = c.get('principal');
  const view = await visibleApproval(c, id, principal);
  // People who may decide about it see it too; it is still not their task.
  if (view.request.principal.id !== principal.id) throw unknownTask();
  const grant = await accessStanding(c, id, 0);
  return {
    id,
    state: grant.state,
    target: grant.target,
    url: approvalPage(gatewayOrigin(c.env, c.req.url), id),
    requestedAtMs: view.requestedAtMs,
    decidedAtMs: view.decidedAtMs,
    grant,
  };
}

function requireTasks(ctx: ServerContext): void {
  if (declared(ctx).tasks === true) return;
  throw new MissingRequiredClientCapabilityError({
    requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } },
  });
}

/** Failures of the gateway as errors of the protocol, in the table's own words. */
async function spoken<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    if (error instanceof HttpFailure && error.code === 'not_found') throw unknownTask();
    const code = error instanceof HttpFailure ? error.code : 'internal';
    console.warn(JSON.stringify({ event: 'mcp_task_failed', code }));
    throw new ProtocolError(ProtocolErrorCode.InternalError, publicDetail(code));
  }
}

function unknownTask(): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, 'You have no such task.');
}
