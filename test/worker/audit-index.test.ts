import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createAuditIndex, IndexUnavailable } from '../../adapters/audit-index.ts';
import { indexRows } from '../../adapters/index-rows.ts';
import { sweepSessions } from '../../adapters/retention.ts';
import type { SessionEvent } from '../../core/audit/event.ts';
import { chained } from '../support/chained.ts';
import { requestEvent } from '../support/http-content.ts';
import {
  deniedIntent,
  intent,
  outcome,
  sessionStart,
  SESSION_END,
  sqlFacts,
  START_MS,
  statement,
} from '../support/session-events.ts';

// Some of these write many megabytes, on a machine that others use too.
vi.setConfig({ testTimeout: 60_000 });

const index = createAuditIndex(env.DB);
const NONE = { actions: 0, refused: 0, rows: 0, bytes: 0, rules: [] };

function rowsOf(events: readonly SessionEvent[], session: string, startedAt = START_MS) {
  const shifted = chained(session, events).map((event) => ({
    ...event,
    at: event.at - START_MS + startedAt,
  }));
  const sources = { start: shifted[0]!, statement: () => null };
  return indexRows(shifted, sources, NONE, startedAt + 1_000).batch;
}

async function put(
  session: string,
  who: { principal?: string; target?: string; startedAt?: number },
  events: readonly SessionEvent[],
): Promise<void> {
  await index.write(rowsOf([sessionStart(session, who), ...events], session, who.startedAt));
}

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  const hour = 3_600_000;
  await put('a1', { principal: 'ci:1', startedAt: START_MS }, [
    statement(1, 'SELECT * FROM orders'),
    intent(1, 1),
    outcome(1),
    SESSION_END,
  ]);
  await put('a2', { principal: 'ci:1', target: 'crm', startedAt: START_MS + hour }, [
    statement(1, 'DROP TABLE users', ['public.users']),
    deniedIntent(1, 1),
    outcome(1, 'refused'),
    statement(2, 'SELECT 1 FROM payments', ['public.payments']),
    intent(2, 2),
    outcome(2, 'failed'),
    SESSION_END,
  ]);
  await put('a3', { principal: 'ci:2', startedAt: START_MS + 2 * hour }, [
    statement(1, 'SELECT', ['public.orders', 'public.users']),
    intent(1, 1),
  ]);
  await index.announce('a1', 'recordings/a1/manifest.json');
  // Same start as a3: the cursor must still tell them apart.
  await put('a4', { principal: 'ci:2', startedAt: START_MS + 2 * hour }, [SESSION_END]);
});

const found = async (filter: Parameters<typeof index.search>[0]) =>
  (await index.search(filter, null, 100)).map((session) => session.id);

describe('search', () => {
  it.each<[Parameters<typeof index.search>[0], readonly string[]]>([
    [{}, ['a4', 'a3', 'a2', 'a1']],
    [{ principal: 'ci:1' }, ['a2', 'a1']],
    [{ principal: "ci:1' OR 1=1 --" }, []],
    [{ target: 'crm' }, ['a2']],
    [{ decision: 'deny' }, ['a2']],
    [{ decision: 'allow' }, ['a3', 'a2', 'a1']],
    [{ decision: 'approve' }, []],
    [{ outcome: 'succeeded' }, ['a1']],
    [{ outcome: 'failed' }, ['a2']],
    [{ rule: 'no-ddl' }, ['a2']],
    [{ rule: 'no-d' }, []],
    [{ table: 'public.orders' }, ['a3', 'a1']],
    [{ table: 'public.users' }, ['a3', 'a2']],
    [{ table: 'public.users', decision: 'deny' }, ['a2']],
    // One action must meet all: a2 was denied on users and failed on payments.
    [{ table: 'public.payments', decision: 'deny' }, []],
    [{ decision: 'deny', outcome: 'failed' }, []],
    [{ open: true }, ['a3']],
    [{ since: START_MS + 10_000 }, ['a4', 'a3', 'a2']],
    [{ until: START_MS + 10_000 }, ['a1']],
    [{ principal: 'ci:2', table: 'public.orders', since: START_MS }, ['a3']],
  ])('%j finds %j', async (filter, ids) => {
    expect(await found(filter)).toEqual(ids);
  });

  it('pages through everything once, equal times included', async () => {
    const seen: string[] = [];
    let after = null;
    for (;;) {
      const [row] = await index.search({}, after, 1);
      if (row === undefined) break;
      seen.push(row.id);
      after = row;
    }
    expect(seen).toEqual(['a4', 'a3', 'a2', 'a1']);
  });

  it('looks rare decisions up in their index and tables by name', async () => {
    const plan = async (where: string) =>
      JSON.stringify((await env.DB.prepare(`EXPLAIN QUERY PLAN ${where}`).all()).results);
    const denied = `SELECT 1 FROM actions a WHERE a.session_id = 'x' AND a.decision = 'deny' AND a.decision <> 'allow'`;
    expect(await plan(denied)).toContain('actions_not_allowed');
    const table = `SELECT 1 FROM action_tables t WHERE t.table_name = 'x' AND t.session_id = 'y'`;
    expect(await plan(table)).toContain('SEARCH t USING COVERING INDEX');
  });
});

describe('HTTP requests', () => {
  const at = START_MS - 86_400_000;
  const denied = {
    kind: 'deny',
    rules: ['no-delete'],
    code: 'rule',
    revision: 7,
    observed: [],
  } as const;
  beforeAll(async () => {
    await put('h1', { principal: 'ci:http', target: 'pay', startedAt: at }, [
      requestEvent(1, { query: 'a=1' }),
      { ...outcome(1), rows: 0, error: '402', outcome: 'failed' } as SessionEvent,
      requestEvent(
        2,
        { method: 'DELETE', path: '/v1/cards/4_2', body: null },
        { decision: denied },
      ),
      SESSION_END,
    ]);
    await put('h2', { principal: 'ci:http', target: 'pay', startedAt: at + 1_000 }, [
      requestEvent(1, { path: '/graphql', body: '{"query":"mutation { refund }"}' }),
      requestEvent(2, { body: '{"a":1,"a":2}' }),
      requestEvent(3, { path: '/v1/refundsx' }, { facts: null }),
      requestEvent(4, { body: JSON.stringify({ x: 'y'.repeat(100_000) }) }),
    ]);
  });

  it.each<[Parameters<typeof index.search>[0], readonly string[]]>([
    [{ verb: 'POST' }, ['h2', 'h1']],
    [{ verb: 'DELETE' }, ['h1']],
    [{ verb: 'DELETE', decision: 'deny' }, ['h1']],
    [{ verb: 'POST', decision: 'deny' }, []],
    [{ verb: 'SELECT', target: 'pay' }, []],
    [{ verb: 'SELECT', principal: 'ci:2' }, ['a3']],
    [{ path: '/v1/refunds' }, ['h2', 'h1']],
    [{ path: '/v1/refunds', outcome: 'failed' }, ['h1']],
    [{ path: '/v1/cards' }, ['h1']],
    [{ path: '/v1/cards/' }, ['h1']],
    [{ path: '/v1/cards/4_2' }, ['h1']],
    [{ path: '/v1/refund' }, []],
    [{ path: '/v1/cards/4%2' }, []],
    [{ path: '/v1/cards/412' }, []],
    [{ path: '/graphql' }, ['h2']],
    [{ path: '/graphql', table: 'public.orders' }, []],
    [{ rule: 'no-delete' }, ['h1']],
  ])('are found by %j: %j', async (filter, ids) => {
    expect(await found(filter)).toEqual(ids);
  });

  it('are rows like statements', async () => {
    const [first, second] = await index.actions('h1', 0, 10);
    expect(first).toMatchObject({
      via: 'http',
      statement: 'POST /v1/refunds?a=1',
      truncated: false,
      effect: '',
      verbs: ['POST'],
      tables: [],
      facts: { method: 'POST', json: { amount: 1250 } },
      outcome: 'failed',
      error: '402',
    });
    expect(second).toMatchObject({ decision: 'deny', verbs: ['DELETE'], code: 'rule' });
    expect(await index.session('h1')).toMatchObject({ actions: 2, refused: 1 });
  });

  it('have an effect only where one is known', async () => {
    const rows = await index.actions('h2', 0, 10);
    expect(rows.map(({ effect }) => effect)).toEqual(['mutation', 'opaque', 'opaque', '']);
    // Longer than the index keeps facts.
    expect(rows.map(({ facts }) => facts === null)).toEqual([false, false, true, true]);
  });
});

describe('what a row holds', () => {
  it('is the first 4096 characters of a statement, and the digest of all of it', async () => {
    const text = `SELECT '${'😀'.repeat(3000)}'`;
    await put('long', {}, [statement(1, text), intent(1, 1)]);
    const [action] = await index.actions('long', 0, 10);
    expect(action!.truncated).toBe(true);
    expect(action!.statement.isWellFormed()).toBe(true);
    expect(text.startsWith(action!.statement)).toBe(true);
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
    expect(action!.statementDigest).toBe(Buffer.from(digest).toString('hex'));
  });

  it('is no bind value, ever', async () => {
    await put('binds', {}, [statement(1, 'SELECT $1'), intent(1, 1, ['b1nd-canary'])]);
    for (const table of ['sessions', 'actions', 'action_tables']) {
      const { results } = await env.DB.prepare(`SELECT * FROM ${table}`).all();
      expect(JSON.stringify(results)).not.toContain('b1nd-canary');
    }
  });

  it('fits into D1 even for a statement over very many tables, all of which are found', async () => {
    const tables = Array.from({ length: 3_000 }, (_, i) => `public.${'t'.repeat(400)}${i}`);
    await put('wide', {}, [
      { kind: 'statement', statement: 1, text: 'x', facts: sqlFacts(tables) },
      intent(1, 1),
    ]);
    expect((await index.actions('wide', 0, 1))[0]).toMatchObject({ facts: null });
    for (const table of [tables[0]!, tables.at(-1)!])
      expect(await found({ table })).toEqual(['wide']);
  });

  it('calls an action without its statement opaque', async () => {
    await put('lost', {}, [intent(1, 9)]);
    expect((await index.actions('lost', 0, 1))[0]).toMatchObject({ effect: 'opaque', tables: [] });
  });
});

describe('writing again', () => {
  it('changes nothing, and an older batch does not undo a newer one', async () => {
    const events = [
      sessionStart('same'),
      statement(1, 'SELECT 1'),
      intent(1, 1),
      outcome(1),
      SESSION_END,
    ];
    const whole = rowsOf(events, 'same');
    await index.write(whole);
    const session = await index.session('same');
    const actions = await index.actions('same', 0, 10);
    await index.write(whole);
    await index.write(rowsOf(events.slice(0, 3), 'same'));
    expect(await index.session('same')).toEqual(session);
    expect(await index.actions('same', 0, 10)).toEqual(actions);
  });

  it('keeps the name of the recording', async () => {
    const rows = rowsOf([sessionStart('named'), SESSION_END], 'named');
    await index.write(rows);
    await index.announce('named', 'recordings/x');
    await index.write(rows);
    expect((await index.session('named'))!.recordingKey).toBe('recordings/x');
  });
});

describe('a D1 that is away', () => {
  it('shows as IndexUnavailable, without the query and its parameters', async () => {
    const away = createAuditIndex({
      prepare: () => {
        throw new Error('D1_ERROR: s3cr3t');
      },
      batch: () => Promise.reject(new Error('D1_ERROR: s3cr3t')),
    } as unknown as D1Database);
    const calls = [() => away.session('s3cr3t'), () => away.search({ rule: 's3cr3t' }, null, 1)];
    for (const call of calls) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(IndexUnavailable);
      expect(
        `${String(error)} ${(error as Error).stack} ${String((error as Error).cause)}`,
      ).not.toContain('s3cr3t');
    }
  });
});

describe('the sweep', () => {
  const later = START_MS + 100 * 86_400_000;
  function objects(settle: (name: string) => Promise<boolean>) {
    return { getByName: (name: string) => ({ settle: () => settle(name) }) };
  }

  it('wakes sessions that look open and were not heard of, each once', async () => {
    const woken: string[] = [];
    const SESSION = objects((name) => {
      woken.push(name);
      return name === 'a3' ? Promise.reject(new Error('reset')) : Promise.resolve(true);
    });
    const sweep = await sweepSessions({ DB: env.DB, SESSION }, later, null);
    // a3 is open; a4 has ended, but its recording is not whole yet.
    expect(woken).toEqual(expect.arrayContaining(['a3', 'a4']) as string[]);
    expect(woken).not.toContain('a1');
    expect(sweep).toEqual({
      settled: woken.length - 1,
      live: woken.length - 1,
      failed: 1,
      pruned: 0,
      interrupted: false,
    });
    woken.length = 0;
    await sweepSessions({ DB: env.DB, SESSION }, later + 60_000, null);
    expect(woken).toEqual([]);
    await sweepSessions({ DB: env.DB, SESSION }, later + 300_000, null);
    expect(woken).toContain('a3');
  });

  it('prunes what ended before the retention, with all its rows, and nothing else', async () => {
    const SESSION = objects(() => Promise.resolve(true));
    // a2 to a4 began within the retention; a3 never ended.
    const retention = later - (START_MS + 1_000_000);
    const { pruned } = await sweepSessions({ DB: env.DB, SESSION }, later, retention);
    expect(pruned).toBeGreaterThan(0);
    expect(await index.session('a1')).toBeNull();
    expect(await index.actions('a1', 0, 10)).toEqual([]);
    expect(await found({})).toEqual(
      expect.arrayContaining(['a2', 'a3', 'a4', 'binds']) as string[],
    );
    const tables = await env.DB.prepare(
      "SELECT count(*) AS n FROM action_tables WHERE session_id = 'a1'",
    ).first('n');
    expect(tables).toBe(0);
    expect(await found({ table: 'public.users' })).toEqual(['a3', 'a2']);
  });

  it('says that it was interrupted when D1 is away', async () => {
    const DB = {
      prepare: () => {
        throw new Error('away');
      },
    } as unknown as D1Database;
    const SESSION = objects(() => Promise.resolve(true));
    expect(await sweepSessions({ DB, SESSION }, later, 1)).toMatchObject({ interrupted: true });
  });
});
