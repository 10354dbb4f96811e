// POST /mcp for tests inside workerd: Call objects that the test plays, and requests as each revision writes them.
import { createExecutionContext } from 'cloudflare:test';
import type { Env } from '../../adapters/env.ts';
import type { CallAnswer, CallOrder, CallView } from '../../core/call/order.ts';
import worker from '../../worker/index.ts';
import { KEYED, ORIGIN } from './approval-browser.ts';

export const CALL = 'a'.repeat(32);
export const APPROVAL = `${'b'.repeat(32)}-1`;
export const AGENT = { sub: 'agent-7', groups: ['agents'] };
export const ANN = { sub: 'ann', groups: ['dba', 'sre'], email: 'ann@acme.dev' };

export const VIEW: CallView = {
  id: CALL,
  target: 'shop-db',
  state: 'succeeded',
  session: 'c'.repeat(32),
  approval: null,
  result: {
    columns: [{ name: 'said', type: 'text' }],
    rowCount: 1,
    command: 'SELECT',
    truncatedBy: null,
  },
  rows: '["hello"]',
  failure: null,
  createdAtMs: Date.UTC(2026, 0, 1),
  changedAtMs: Date.UTC(2026, 0, 2),
};

/** As a call that people are asked about. */
export const HELD: Partial<CallView> = {
  state: 'pending',
  approval: APPROVAL,
  result: null,
  rows: '',
};

export interface Played {
  readonly env: Env;
  readonly orders: CallOrder[];
  /** Whoever cancelled. */
  readonly cancelled: string[];
}

/** Call objects that answer `view`; `nobody`: that know no call of whoever asks. */
export function played(
  view: Partial<CallView> | 'conflict' | 'lost' | 'nobody',
  more: Partial<Env> = {},
): Played {
  const orders: CallOrder[] = [];
  const cancelled: string[] = [];
  const whole = JSON.stringify({ ...VIEW, ...(typeof view === 'string' ? {} : view) });
  const lost = (): void => {
    if (view === 'lost') throw new Error('moved, with a secret');
  };
  const stub = {
    async submit(json: string) {
      orders.push(JSON.parse(json) as CallOrder);
      lost();
      const answer: CallAnswer =
        view === 'conflict'
          ? { kind: view }
          : { kind: 'view', view: JSON.parse(whole) as CallView };
      return JSON.stringify(answer);
    },
    async read() {
      lost();
      return view === 'nobody' ? null : whole;
    },
    async cancel(principal: string) {
      cancelled.push(principal);
      lost();
      return view === 'nobody' ? null : whole;
    },
  };
  const CALL = { getByName: () => stub } as unknown as Env['CALL'];
  return { env: { ...KEYED, CALL, ...more }, orders, cancelled };
}

export function send(
  env: Env,
  token: string,
  body: unknown,
  headers: Record<string, string> = {},
  method = 'POST',
): Promise<Response> {
  const request = new Request(`${ORIGIN}/mcp`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
  });
  return worker.fetch(request as never, env, createExecutionContext()) as Promise<Response>;
}

export interface RpcAnswer {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** A request of 2026-07-28: the envelope, and the headers that repeat it. */
export async function modern(
  env: Env,
  token: string,
  method: string,
  params: Record<string, unknown>,
  capabilities: unknown = {},
): Promise<RpcAnswer> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const name = params['name'] ?? params['taskId'];
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': encoded(name) } : {}),
  };
  const body = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } };
  return (await (await send(env, token, body, headers)).json()) as RpcAnswer;
}

/** What no header can carry travels as base64. */
function encoded(name: string): string {
  if (/^[\x21-\x7e]+$/.test(name)) return name;
  return `=?base64?${Buffer.from(name).toString('base64')}?=`;
}

export const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
export const URL_MODE = { elicitation: { url: {} } };
