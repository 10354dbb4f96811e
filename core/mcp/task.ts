// How a call or an access request stands, as a task of the Tasks extension: its handle is the task's id. A task never asks
// for input: people decide at a page, and nothing that a client sends here is an answer to them.
// @see https://modelcontextprotocol.github.io/ext-tasks/specification/2026-07-28/tasks.html
import { visibleLine } from '../approval/message.ts';
import { CALL_RETENTION_MS, type CallView } from '../call/order.ts';
import { APPROVAL_RETENTION_MS } from '../limits.ts';

/**
 * `completed` is also what was refused or failed: its result says so. The extension has `failed` for requests that were
 * none, and those get no task.
 */
export type TaskStatus = 'working' | 'completed' | 'cancelled';

/** The extension's Task, without a payload. */
export interface Task {
  readonly taskId: string;
  readonly status: TaskStatus;
  readonly statusMessage: string;
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  readonly ttlMs: number;
  readonly pollIntervalMs: number;
}

/** Milliseconds between two looks: at what people decide, and at what runs. */
const POLL_HELD_MS = 5_000;
const POLL_RUNNING_MS = 2_000;
const MAX_MESSAGE_CHARS = 500;

/** The page where people decide. Opening it decides nothing. */
export function approvalPage(origin: string, approval: string): string {
  return `${origin}/approvals/${approval}`;
}

export function callTask(view: CallView, origin: string): Task {
  const held = view.state === 'pending' && view.approval !== null;
  return {
    taskId: view.id,
    status: statusOf(view),
    statusMessage: messageOf(view, origin),
    createdAt: iso(view.createdAtMs),
    lastUpdatedAt: iso(view.changedAtMs),
    // It may be kept longer, counted from its end, and never less.
    ttlMs: CALL_RETENTION_MS,
    pollIntervalMs: held ? POLL_HELD_MS : POLL_RUNNING_MS,
  };
}

/** An access request, as `GET /v1/grants/{id}` shows it. */
export interface AskedAccess {
  readonly id: string;
  readonly state: string;
  readonly target: string;
  readonly url: string;
  readonly requestedAtMs: number;
  readonly decidedAtMs: number | null;
}

export function accessTask(access: AskedAccess): Task {
  const { id, state, target, url, requestedAtMs, decidedAtMs } = access;
  return {
    taskId: id,
    status: state === 'pending' ? 'working' : state === 'cancelled' ? 'cancelled' : 'completed',
    statusMessage: state === 'pending' ? waitingMessage(url) : `Access to ${target}: ${state}.`,
    createdAt: iso(requestedAtMs),
    lastUpdatedAt: iso(decidedAtMs ?? requestedAtMs),
    ttlMs: APPROVAL_RETENTION_MS,
    pollIntervalMs: POLL_HELD_MS,
  };
}

/** Of a call that may be a task: what is over stays over. */
function statusOf({ state, failure }: CallView): TaskStatus {
  switch (state) {
    case 'pending':
    case 'approved':
    case 'executing':
      return 'working';
    case 'failed':
      return isCancelled(failure?.code) ? 'cancelled' : 'completed';
    case 'succeeded':
    case 'unknown':
    default:
      return 'completed';
  }
}

/** Taken back by whoever asked, before it ran or while it did. */
function isCancelled(code: string | undefined): boolean {
  return code === 'call_cancelled' || code === 'approval_cancelled';
}

/** The gateway's own sentences only: a target's words are in the result, fenced. */
function messageOf({ state, approval, failure }: CallView, origin: string): string {
  switch (state) {
    case 'pending':
      if (approval === null) return 'It is being prepared.';
      return waitingMessage(approvalPage(origin, approval));
    case 'approved':
      return 'Approved; it runs now.';
    case 'executing':
      return 'It is running.';
    case 'succeeded':
      return 'Done.';
    case 'failed':
      return isCancelled(failure?.code)
        ? visibleLine(failure?.message ?? '').slice(0, MAX_MESSAGE_CHARS)
        : 'It did not succeed; the result says why.';
    case 'unknown':
    default:
      return 'Whether it took effect is not known; the result says what to do.';
  }
}

function waitingMessage(url: string): string {
  return `Nothing has run yet: people decide at ${url}. Whoever asked cannot approve it.`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
