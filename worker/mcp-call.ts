// tools/call: checks the arguments, runs the tool and chooses the form of an answer that has to wait for people. The same
// call waits in the same place whatever the form: a result with a handle, a task, or a request to show the link.
import {
  inputRequired,
  ProtocolError,
  ProtocolErrorCode,
  UrlElicitationRequiredError,
  type CallToolResult,
  type InputRequiredResult,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import { z } from 'zod';
import { visibleLine } from '../core/approval/message.ts';
import {
  ELICITATION_KEY,
  elicitationError,
  elicitationMessage,
  resumedHandle,
  wasOpened,
  type Waiting,
} from '../core/mcp/elicitation.ts';
import { DEFAULT_CHECK_SECONDS, TOOLS, type ToolName } from '../core/mcp/tools.ts';
import type { DoorEnv } from './door-env.ts';
import { declared } from './mcp-declared.ts';
import { taskOf } from './mcp-tasks.ts';
import {
  failed,
  invalidState,
  refusal,
  tools,
  type Resumed,
  type ToolAnswer,
} from './mcp-tools.ts';

type Door = Context<DoorEnv>;
type Result = CallToolResult | InputRequiredResult;
type Run = (c: Door, input: unknown, resumed: Resumed | null) => Promise<ToolAnswer>;

const MAX_PROBLEM_CHARS = 1_000;
/** Tools whose held call may be a task: its result has to be what tasks/get finds under the handle. */
const AS_TASK: ReadonlySet<ToolName> = new Set(['query', 'request_access']);

/** In place of the SDK's own: that one knows results only. `tools/list` stays the SDK's. */
export function serveCalls(on: McpServer, c: Door): void {
  on.server.setRequestHandler('tools/call', async ({ params }, ctx): Promise<Result> => {
    const { name } = params;
    if (!isTool(name)) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'There is no such tool.');
    }
    try {
      return await called(c, ctx, name, params.arguments ?? {});
    } catch (error) {
      // Of anything else the SDK would show the message, whatever stands there.
      if (error instanceof ProtocolError) throw error;
      return failed(error);
    }
  });
}

async function called(c: Door, ctx: ServerContext, name: ToolName, args: unknown): Promise<Result> {
  const input = parsed(name, args);
  if (!input.ok) return refusal(input.problem);
  const resumed = resumedCall(ctx);
  const answer = await (tools[name] as Run)(c, input.value, resumed);
  return formed(c, ctx, name, answer, resumed);
}

type Parsed =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string };

function parsed(name: ToolName, args: unknown): Parsed {
  let problem = 'They are nested too deep.';
  try {
    const input = TOOLS[name].input.safeParse(args);
    if (input.success) return { ok: true, value: input.data };
    problem = z.prettifyError(input.error);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  const words = visibleLine(problem.replaceAll('\n', ' ')).slice(0, MAX_PROBLEM_CHARS);
  return { ok: false, problem: `Refused, nothing ran: the arguments are invalid. ${words}` };
}

function isTool(name: string): name is ToolName {
  return Object.hasOwn(TOOLS, name);
}

/** @throws ProtocolError for a state that no tool gave */
function resumedCall(ctx: ServerContext): Resumed | null {
  // Revisions with a handshake have no such thing: there it is a parameter that nobody knows.
  const state = ctx.mcpReq.envelope === undefined ? undefined : ctx.mcpReq.requestState();
  if (state === undefined) return null;
  const id = resumedHandle(state);
  if (id === null) throw invalidState();
  const opened = wasOpened(ctx.mcpReq.inputResponses);
  return { id, waitMs: opened && !declared(ctx).tasks ? DEFAULT_CHECK_SECONDS * 1000 : 0 };
}

async function formed(
  c: Door,
  ctx: ServerContext,
  name: ToolName,
  answer: ToolAnswer,
  resumed: Resumed | null,
): Promise<Result> {
  const { result, waiting, open } = answer;
  const { tasks, url } = declared(ctx);
  // Shown once for a call. check_approval is how a model waits: it is never stopped for the link again.
  if (waiting !== null && url && resumed === null && name !== 'check_approval') {
    // With a handshake a client can only send the call again: that must not be a second one.
    if (ctx.mcpReq.envelope !== undefined || waiting.joins) return shown(ctx, waiting);
  }
  if (open !== null && tasks && AS_TASK.has(name)) {
    // The extension's result of tools/call, for which the SDK has no type; an empty content satisfies its check.
    const task = await taskOf(c, open);
    return { resultType: 'task', ...task, content: [] };
  }
  return result;
}

/** What the client's revision has for «show your user this page first». */
function shown(ctx: ServerContext, waiting: Waiting): InputRequiredResult {
  const message = elicitationMessage(waiting);
  if (ctx.mcpReq.envelope === undefined) {
    const { approval: elicitationId, url } = waiting;
    const elicitations = [{ mode: 'url' as const, elicitationId, url, message }];
    throw new UrlElicitationRequiredError(elicitations, elicitationError(waiting));
  }
  return inputRequired({
    inputRequests: { [ELICITATION_KEY]: inputRequired.elicitUrl({ url: waiting.url, message }) },
    requestState: waiting.id,
  });
}
