// The link to where people decide, shown by clients that can: once for a call, in the form of the client's revision, and
// never as a way to decide.
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KEYED, ORIGIN, standInIssuer } from '../approval-browser.ts';
import { migrated } from '../approval-support.ts';
import {
  AGENT,
  APPROVAL,
  CALL,
  HELD,
  modern,
  played,
  send,
  TASKS,
  URL_MODE,
  type Played,
  type RpcAnswer,
} from '../mcp-support.ts';

const QUERY = { name: 'query', arguments: { target: 'shop-db', sql: "DELETE FROM t -- 's3cret'" } };
const PAGE = `${ORIGIN}/approvals/${APPROVAL}`;
const ACCESS = {
  name: 'request_access',
  arguments: { target: 'bastion', minutes: 30, reason: 'a broken order' },
};

let token: string;

beforeAll(migrated);
beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  token = await (await standInIssuer()).token(AGENT, ORIGIN, 'https://ci.example');
});
afterEach(() => vi.restoreAllMocks());

function call(
  play: Played,
  params: Record<string, unknown> = QUERY,
  capabilities: unknown = URL_MODE,
): Promise<RpcAnswer> {
  return modern(play.env, token, 'tools/call', params, capabilities);
}

const answered = (action: string) => ({
  requestState: CALL,
  inputResponses: { approval: { action } },
});

describe('in 2026-07-28', () => {
  it('a held call asks to show the page, and says that it decides nothing', async () => {
    const { result } = await call(played(HELD));
    expect(result).toMatchObject({
      resultType: 'input_required',
      requestState: CALL,
      inputRequests: {
        approval: {
          method: 'elicitation/create',
          params: {
            mode: 'url',
            url: PAGE,
            message: expect.stringMatching(/Opening it approves nothing.*cannot approve it/),
          },
        },
      },
    });
    expect(JSON.stringify(result)).not.toContain('s3cret');
  });

  it.each([
    ['nothing', {}],
    ['forms only', { elicitation: {} }],
  ])('a client that declares %s is not asked', async (_name, capabilities) => {
    const { result } = await call(played(HELD), QUERY, capabilities);
    expect(result).toMatchObject({ resultType: 'complete', structuredContent: { call: CALL } });
  });

  it.each(['accept', 'decline', 'cancel'])(
    'a client that answers %s gets the same call, and is not asked again',
    async (action) => {
      const play = played(HELD);
      const { result } = await call(play, { ...QUERY, ...answered(action) });
      expect(result).toMatchObject({
        resultType: 'complete',
        structuredContent: { state: 'pending', call: CALL },
      });
      expect(play.orders.map(({ id }) => id)).toEqual([CALL]);
      expect(play.cancelled).toHaveLength(0);
    },
  );

  it('a client that takes tasks as well gets one after that', async () => {
    const both = { ...URL_MODE, ...TASKS };
    expect((await call(played(HELD), QUERY, both)).result?.['resultType']).toBe('input_required');
    const { result } = await call(played(HELD), { ...QUERY, ...answered('accept') }, both);
    expect(result).toMatchObject({ resultType: 'task', taskId: CALL });
  });

  it('a client that comes back after the decision has its rows', async () => {
    const { result } = await call(played({}), { ...QUERY, ...answered('accept') });
    expect(result).toMatchObject({ structuredContent: { rows: [['hello']] } });
  });

  it('check_approval is never stopped for the page', async () => {
    const check = { name: 'check_approval', arguments: { call: CALL, waitSeconds: 0 } };
    const { result } = await call(played(HELD), check);
    expect(result).toMatchObject({ resultType: 'complete', structuredContent: { call: CALL } });
  });

  it.each([
    ['another’s, or nobody’s', 'nobody' as const, CALL],
    ['of a call with other words', 'conflict' as const, CALL],
    ['an access request’s', HELD, APPROVAL],
    ['of a form that no tool gives', HELD, `${CALL}0`],
    ['a path', HELD, '../../approvals'],
    ['an object', HELD, { id: CALL }],
  ])('a state that is %s is refused', async (_name, view, requestState) => {
    const play = played(view);
    const { error } = await call(play, { ...QUERY, requestState, inputResponses: {} });
    expect(error).toMatchObject({ code: -32_602, message: 'Invalid or expired requestState' });
    // Nothing is begun under an id that a client has chosen.
    expect(play.orders).toHaveLength(view === 'conflict' ? 1 : 0);
  });

  it('an access request is shown, joined and not decided', async () => {
    const play = { ...played({}), env: KEYED };
    const first = await call(play, ACCESS);
    const { requestState } = first.result as { readonly requestState: string };
    expect(requestState).toMatch(/^[0-9a-f]{32}-\d+$/);
    const inputResponses = { approval: { action: 'decline' } };
    const { result } = await call(play, { ...ACCESS, requestState, inputResponses });
    expect(result).toMatchObject({ structuredContent: { call: requestState, state: 'pending' } });
    const elsewhere = { ...ACCESS.arguments, target: 'shop-db' };
    const moved = await call(play, { ...ACCESS, arguments: elsewhere, requestState });
    expect(moved.error?.code).toBe(-32_602);
  });
});

const INITIALIZE = (protocolVersion: string, capabilities: unknown) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion, capabilities, clientInfo: { name: 't', version: '1' } },
});

describe('with a handshake', () => {
  it.each<[string, string, unknown, boolean]>([
    ['links', '2025-11-25', URL_MODE, true],
    ['links, in a revision to come', '2099-01-01', URL_MODE, true],
    ['forms', '2025-11-25', { elicitation: { form: {} } }, false],
    ['elicitation of before', '2025-11-25', { elicitation: {} }, false],
    ['nothing', '2025-11-25', {}, false],
    ['links in a revision that has none', '2025-06-18', URL_MODE, false],
  ])('a client that shows %s carries back whether it does', async (_name, asked, able, carries) => {
    const answer = await send(played({}).env, token, INITIALIZE(asked, able));
    expect(answer.status).toBe(200);
    const session = answer.headers.get('mcp-session-id');
    if (carries) expect(session).toMatch(/^url-[0-9a-f]{32}$/);
    else expect(session).toBeNull();
    expect(await answer.json()).toHaveProperty('result.protocolVersion');
  });

  async function legacy(
    play: Played,
    params: unknown,
    headers: Record<string, string>,
  ): Promise<RpcAnswer> {
    const body = { jsonrpc: '2.0', id: 2, method: 'tools/call', params };
    return (await (await send(play.env, token, body, headers)).json()) as RpcAnswer;
  }

  const SESSION = {
    'mcp-protocol-version': '2025-11-25',
    'mcp-session-id': `url-${'0'.repeat(32)}`,
  };

  const KEYED_QUERY = {
    name: 'query',
    arguments: { ...QUERY.arguments, idempotencyKey: 'refund-1' },
  };

  it('a held call with a key is answered with the link and the handle', async () => {
    const { error } = await legacy(played(HELD), KEYED_QUERY, SESSION);
    expect(error).toMatchObject({
      code: -32_042,
      message: expect.stringMatching(/check_approval.*Do not try to approve it/),
      data: {
        elicitations: [
          {
            mode: 'url',
            elicitationId: APPROVAL,
            url: PAGE,
            message: expect.stringContaining('Opening it approves nothing'),
          },
        ],
      },
    });
    expect(error?.message).toContain(CALL);
    expect(JSON.stringify(error)).not.toContain('s3cret');
  });

  it.each<[string, Record<string, unknown>]>([
    ['no key', QUERY],
    ['no way to join', { name: 'describe_schema', arguments: { target: 'shop-db' } }],
  ])(
    'a held call that has %s gets a result: sent again, it would be another one',
    async (_name, params) => {
      const { result } = await legacy(played(HELD), params, SESSION);
      expect(result).toMatchObject({ structuredContent: { state: 'pending', call: CALL } });
    },
  );

  it('an access request gets a result: sent again, it would ask for a window that ends later', async () => {
    const { result } = await legacy({ ...played({}), env: KEYED }, ACCESS, SESSION);
    expect(result).toMatchObject({ structuredContent: { state: 'pending' } });
  });

  it.each<[string, Record<string, string>]>([
    ['no session', { 'mcp-session-id': '' }],
    ['another server’s session', { 'mcp-session-id': crypto.randomUUID() }],
    ['more than a session', { 'mcp-session-id': `url-${'0'.repeat(33)}` }],
    ['an older revision', { 'mcp-protocol-version': '2025-06-18' }],
  ])('whoever brings %s gets a result', async (_name, headers) => {
    const { result } = await legacy(played(HELD), KEYED_QUERY, { ...SESSION, ...headers });
    expect(result).toMatchObject({ structuredContent: { state: 'pending', call: CALL } });
  });

  it('a state means nothing, so that the call is a new one', async () => {
    const play = played(HELD);
    await legacy(play, { ...QUERY, ...answered('accept') }, { ...SESSION, 'mcp-session-id': '' });
    expect(play.orders).toHaveLength(1);
    expect(play.orders[0]?.id).not.toBe(CALL);
  });

  it('a session has no stream and no end', async () => {
    for (const method of ['GET', 'DELETE']) {
      expect((await send(played({}).env, token, null, SESSION, method)).status).toBe(405);
    }
  });
});
