import { applyD1Migrations, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { Hono } from 'hono';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { nativeCrypto } from '../../adapters/crypto.ts';
import { createJournal } from '../../adapters/journal.ts';
import { ship } from '../../adapters/ship.ts';
import type { ChainedEvent, SessionEvent } from '../../core/audit/event.ts';
import { verifyChain } from '../../core/audit/chain.ts';
import { compileCondition, type Condition } from '../../core/policy/condition.ts';
import type { Principal } from '../../core/identity.ts';
import { parseLine, parseManifestLine } from '../../core/recording/format.ts';
import { auditAccess } from '../../worker/audit-access.ts';
import type { DoorEnv } from '../../worker/door-env.ts';
import { problem, renderFailure } from '../../worker/render-failure.ts';
import { createAuditRoutes } from '../../worker/routes/audit.ts';
import {
  deniedIntent,
  intent,
  outcome,
  sessionStart,
  SESSION_END,
  START_MS,
  statement,
} from '../support/session-events.ts';

const AUDITOR = principal('okta:ada', ['auditors']);
const KILLER = principal('okta:kim', ['auditors', 'sre']);
const AGENT = principal('github:repo:acme/shop', ['agents']);
const STRANGER = principal('github:repo:evil/fork', ['agents']);

function principal(id: string, groups: readonly string[]): Principal {
  const [issuer = '', subject = ''] = id.split(/:(.*)/s);
  return { id, issuer, subject, kind: 'workload', groups, claims: {}, expiresAtMs: Infinity };
}

function condition(source: string): Condition {
  const compiled = compileCondition(source, 'audit');
  if (!compiled.ok) throw new Error(compiled.error.message);
  return compiled.value;
}

const POLICY = {
  read: condition('"auditors" in principal.groups'),
  kill: condition('"sre" in principal.groups'),
};

/** The live sessions, as their objects would answer. */
const live = new Map<string, { events: ChainedEvent[]; killedBy: string[] }>();
const SESSION = {
  getByName: (name: string) => ({
    events: async (after: number, limit: number) => {
      const session = live.get(name);
      if (session === undefined) throw new Error('Durable Object reset: s3cr3t');
      return session.events.filter((event) => event.seq > after).slice(0, limit);
    },
    kill: async (by: string) => {
      live.get(name)?.killedBy.push(by);
      return live.has(name);
    },
  }),
} as unknown as DoorEnv['Bindings']['SESSION'];

function call(who: Principal, path: string, init: RequestInit = {}, bindings: object = {}) {
  const app = new Hono<DoorEnv>();
  app.onError(renderFailure);
  app.notFound((c) => problem(c, 'not_found'));
  app.use(async (c, next) => {
    c.set('principal', who);
    await next();
  });
  app.route(
    '/',
    createAuditRoutes(async (c) => auditAccess(c.get('principal'), POLICY)),
  );
  return app.request(path, init, { ...env, SESSION, ...bindings });
}

const body = async (response: Response | Promise<Response>) =>
  (await response).json<{ sessions: { id: string }[]; events: ChainedEvent[]; next: unknown }>();

async function record(
  session: string,
  who: { principal?: string; startedAt?: number },
  events: readonly SessionEvent[],
): Promise<ChainedEvent[]> {
  return runInDurableObject(env.SESSION.getByName(`routes-${session}`), async (_object, state) => {
    const journal = createJournal(state.storage.sql, nativeCrypto);
    journal.append([sessionStart(session, who), ...events], who.startedAt ?? START_MS);
    const stores = { DB: env.DB, RECORDINGS: env.RECORDINGS };
    await ship(journal, stores, START_MS);
    return journal.read(0, 1000);
  });
}

const QUERY: readonly SessionEvent[] = [statement(1, 'SELECT 1'), intent(1, 1), outcome(1)];

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  await record('done', {}, [
    ...QUERY,
    statement(2, 'DROP'),
    deniedIntent(2, 2),
    outcome(2, 'refused'),
    SESSION_END,
  ]);
  live.set('going', {
    events: await record('going', { startedAt: START_MS + 9 }, QUERY),
    killedBy: [],
  });
  await record('others', { principal: 'github:repo:other/x', startedAt: START_MS + 5 }, [
    ...QUERY,
    SESSION_END,
  ]);
});

describe('GET /v1/sessions', () => {
  const ids = async (who: Principal, query = '') =>
    (await body(call(who, `/v1/sessions${query}`))).sessions.map((session) => session.id);

  it('shows an auditor everything, and everybody else their own', async () => {
    expect(await ids(AUDITOR)).toEqual(['going', 'others', 'done']);
    expect(await ids(AGENT)).toEqual(['going', 'done']);
    expect(await ids(STRANGER)).toEqual([]);
    expect(await ids(STRANGER, '?principal=github:repo:acme/shop')).toEqual([]);
    expect(await ids(AGENT, `?principal=${encodeURIComponent(AGENT.id)}`)).toEqual([
      'going',
      'done',
    ]);
  });

  it.each([
    ['?decision=deny', ['done']],
    ['?target=shop-db&table=public.orders&outcome=succeeded', ['going', 'others', 'done']],
    ['?rule=no-ddl', ['done']],
    ['?open=true', ['going']],
    [`?until=${START_MS + 1}`, ['done']],
    ['?since=2026-11-24T13:00:00.004Z&open=false', ['going', 'others']],
  ])('filters by %s', async (query, expected) => {
    expect(await ids(AUDITOR, query)).toEqual(expected);
  });

  it('pages with a cursor', async () => {
    const first = await body(call(AUDITOR, '/v1/sessions?limit=2'));
    expect(first.sessions.map((session) => session.id)).toEqual(['going', 'others']);
    const second = await body(call(AUDITOR, `/v1/sessions?limit=2&cursor=${String(first.next)}`));
    expect(second.sessions.map((session) => session.id)).toEqual(['done']);
    expect(second.next).toBeNull();
  });

  it.each([
    '?limit=0',
    '?limit=10000',
    '?limit=x',
    '?princpal=x',
    '?decision=maybe',
    '?since=yesterday',
    '?since=2026-11-24T13:00:00',
    '?cursor=nonsense',
    '?cursor=1.a%27b',
    '?open=1',
  ])('refuses %s instead of finding everything', async (query) => {
    const response = await call(AUDITOR, `/v1/sessions${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'request_invalid', status: 400 });
  });
});

describe('one session', () => {
  it('is shown with its actions, page by page', async () => {
    const first = await body(call(AGENT, '/v1/sessions/done?limit=1'));
    expect(first).toMatchObject({
      session: { id: 'done', refused: 1 },
      actions: [{ action: 1, decision: 'allow' }],
      next: 1,
    });
    const second = await body(call(AGENT, '/v1/sessions/done?after=1'));
    expect(second).toMatchObject({ actions: [{ action: 2, code: 'rule' }], next: null });
  });

  it.each(['', '/events', '/recording'])('does not exist for strangers (%s)', async (path) => {
    const strange = await call(STRANGER, `/v1/sessions/done${path}`);
    const missing = await call(STRANGER, `/v1/sessions/none${path}`);
    expect([strange.status, missing.status]).toEqual([404, 404]);
    const [a, b] = [
      await strange.json<{ instance: string }>(),
      await missing.json<{ instance: string }>(),
    ];
    expect({ ...a, instance: '' }).toEqual({ ...b, instance: '' });
  });
});

describe('events', () => {
  it('come from R2 once the recording is whole', async () => {
    const answer = await body(call(AUDITOR, '/v1/sessions/done/events?after=2&limit=2'));
    expect(answer.events.map((event) => event.seq)).toEqual([3, 4]);
    expect(answer).toMatchObject({ next: 4, ended: true });
  });

  it('come from the object before that', async () => {
    const answer = await body(call(AUDITOR, '/v1/sessions/going/events?limit=3'));
    expect(answer.events).toEqual(live.get('going')!.events.slice(0, 3));
    expect(answer).toMatchObject({ next: 3, ended: false });
  });
});

describe('the recording', () => {
  it('of an ended session is its manifest and every event, and verifies', async () => {
    const response = await call(AUDITOR, '/v1/sessions/done/recording');
    expect(response.headers.get('postern-recording')).toBe('complete');
    expect(response.headers.get('content-type')).toContain('application/x-ndjson');
    const [first, ...lines] = (await response.text()).trimEnd().split('\n');
    expect(parseManifestLine(first!)).toMatchObject({ session: 'done', events: 8 });
    const events = lines.map((line) => parseLine(line)!);
    expect(verifyChain(events, 'done', nativeCrypto)).toMatchObject({ ok: true });
  });

  it('of an open session is what there is, without a manifest', async () => {
    const response = await call(AUDITOR, '/v1/sessions/going/recording');
    expect(response.headers.get('postern-recording')).toBe('unfinished');
    const events = (await response.text()).trimEnd().split('\n').map(parseLine);
    expect(events).toEqual(live.get('going')!.events);
  });
});

describe('DELETE', () => {
  it('ends a live session and says who did it', async () => {
    const response = await call(KILLER, '/v1/sessions/going', { method: 'DELETE' });
    expect(response.status).toBe(200);
    expect(live.get('going')!.killedBy).toEqual(['okta:kim']);
  });

  it('is refused to those who may only read, and does not exist for strangers', async () => {
    live.get('going')!.killedBy.length = 0;
    const reader = await call(AUDITOR, '/v1/sessions/going', { method: 'DELETE' });
    const stranger = await call(STRANGER, '/v1/sessions/going', { method: 'DELETE' });
    expect([reader.status, stranger.status]).toEqual([403, 404]);
    expect(live.get('going')!.killedBy).toEqual([]);
  });

  it('says so when the session is over', async () => {
    const response = await call(KILLER, '/v1/sessions/done', { method: 'DELETE' });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'session_ended' });
  });
});

describe('failures', () => {
  const away = {
    DB: {
      prepare: () => {
        throw new Error('D1_ERROR: s3cr3t');
      },
    },
    RECORDINGS: { get: () => Promise.reject(new Error('R2: s3cr3t')) },
  };

  it.each([
    ['D1 is away', '/v1/sessions', { DB: away.DB }, 503, 'index_unavailable'],
    [
      'R2 is away',
      '/v1/sessions/done/events',
      { RECORDINGS: away.RECORDINGS },
      503,
      'recordings_unavailable',
    ],
    [
      'the manifest is gone',
      '/v1/sessions/done/events',
      { RECORDINGS: { get: () => Promise.resolve(null) } },
      500,
      'recording_damaged',
    ],
  ])('%s', async (_name, path, bindings, status, code) => {
    const response = await call(AUDITOR, path, {}, bindings);
    expect(response.status).toBe(status);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ status, code });
    expect(text).not.toContain('s3cr3t');
  });

  it('the object does not answer', async () => {
    const going = live.get('going')!;
    live.delete('going');
    const response = await call(AUDITOR, '/v1/sessions/going/events');
    live.set('going', going);
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain('s3cr3t');
  });

  it('a bug shows as internal, and its message neither to the caller nor in the log', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const app = new Hono<DoorEnv>();
    app.onError(renderFailure);
    app.get('/x', () => {
      throw new TypeError('s3cr3t\n    at s3cr3t (s3cr3t.ts:1:1)');
    });
    const response = await app.request('/x', {}, env);
    expect(response.status).toBe(500);
    const text = await response.text();
    const logged = JSON.stringify(log.mock.calls);
    log.mockRestore();
    expect(text + logged).not.toContain('s3cr3t');
    const { instance } = JSON.parse(text) as { instance: string };
    expect(logged).toContain(instance.replace('urn:postern:request:', ''));
    expect(logged).toContain('TypeError');
  });

  it.each(['signature_invalid', 'token_expired', 'key_unknown', 'issuer_unknown'] as const)(
    'a token refused with %s looks like every other',
    async (code) => {
      const app = new Hono();
      app.get('/x', (c) => problem(c, code, { detail: 'kid 7 is not known' }));
      const response = await app.request('/x');
      expect(response.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
      const answer = await response.json<object>();
      expect(answer).toMatchObject({ status: 401, code: 'token_refused' });
      expect(JSON.stringify(answer)).not.toMatch(/kid|signature|expired|issuer_/);
    },
  );
});
