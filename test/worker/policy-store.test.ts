// The policy cache against a real D1, and against one that is away.
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPolicyCache } from '../../adapters/policy-store.ts';
import { POLICY_MAX_STALE_MS, POLICY_REFRESH_MS } from '../../core/limits.ts';

const NOW = Date.UTC(2026, 5, 1, 12);

const policy = (audience: string, issuer = 'https://ci.example') =>
  `version: 1\nissuers:\n  - { id: ci, issuer: "${issuer}", audience: ${audience}, kind: workload }\n`;

async function write(revision: number, document: string, hash?: string): Promise<void> {
  await env.DB.prepare(
    'INSERT INTO policy_revisions (revision, hash, document, applied_at, applied_by) VALUES (?1, ?2, ?3, ?4, ?5)',
  )
    .bind(
      revision,
      hash ?? createHash('sha256').update(document).digest('hex'),
      document,
      NOW,
      'test',
    )
    .run();
}

/** A D1 that counts its queries and can be taken away. */
function flaky() {
  const state = { away: false, queries: 0 };
  const db = new Proxy(env.DB, {
    get(target, name) {
      if (name !== 'prepare') return Reflect.get(target, name) as unknown;
      return (sql: string) => {
        state.queries += 1;
        if (state.away) throw new Error('D1_ERROR: internal');
        return target.prepare(sql);
      };
    },
  });
  return { state, db };
}

beforeEach(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  await env.DB.prepare('DELETE FROM policy_revisions').run();
});

describe('the active policy', () => {
  it('is the highest revision', async () => {
    await write(1, policy('one'));
    await write(2, policy('two'));
    const current = await createPolicyCache().current(env.DB, false, NOW);
    expect(current).toMatchObject({
      ok: true,
      value: { revision: 2, policy: { revision: 2, issuers: [{ audiences: ['two'] }] } },
    });
  });

  it('is answered from memory while it is fresh, and peek agrees', async () => {
    await write(1, policy('one'));
    const { db, state } = flaky();
    const cache = createPolicyCache();
    expect(cache.peek(NOW)).toBeNull();
    await cache.current(db, false, NOW);
    const queries = state.queries;
    await cache.current(db, false, NOW + POLICY_REFRESH_MS - 1);
    expect(state.queries).toBe(queries);
    expect(cache.peek(NOW + POLICY_REFRESH_MS - 1)?.revision).toBe(1);
    expect(cache.peek(NOW + POLICY_REFRESH_MS)).toBeNull();
  });

  it('changes within the refresh time, and keeps its object when it did not change', async () => {
    await write(1, policy('one'));
    const cache = createPolicyCache();
    const first = await cache.current(env.DB, false, NOW);
    const again = await cache.current(env.DB, false, NOW + POLICY_REFRESH_MS);
    expect(again.ok && first.ok && again.value === first.value).toBe(true);
    await write(2, policy('two'));
    const later = await cache.current(env.DB, false, NOW + 2 * POLICY_REFRESH_MS);
    expect(later).toMatchObject({ ok: true, value: { revision: 2 } });
  });

  it('is read by one of many who ask at the same time', async () => {
    await write(1, policy('one'));
    const { db, state } = flaky();
    const cache = createPolicyCache();
    await cache.current(db, false, NOW);
    const queries = state.queries;
    const later = NOW + POLICY_REFRESH_MS;
    await Promise.all(Array.from({ length: 50 }, () => cache.current(db, false, later)));
    expect(state.queries).toBe(queries + 1);
  });

  it('serves while D1 is away up to its limit, then nothing is allowed', async () => {
    await write(1, policy('one'));
    const { db, state } = flaky();
    const cache = createPolicyCache();
    await cache.current(db, false, NOW);
    state.away = true;
    expect(await cache.current(db, false, NOW + POLICY_MAX_STALE_MS - 1)).toMatchObject({
      ok: true,
    });
    expect(await cache.current(db, false, NOW + POLICY_MAX_STALE_MS)).toMatchObject({
      ok: false,
      error: { code: 'policy_unreadable' },
    });
    state.away = false;
    expect(await cache.current(db, false, NOW + POLICY_MAX_STALE_MS)).toMatchObject({ ok: true });
  });

  it('is not made young by a clock that was set back', async () => {
    await write(1, policy('one'));
    const { db, state } = flaky();
    const cache = createPolicyCache();
    await cache.current(db, false, NOW);
    state.away = true;
    expect(cache.peek(NOW - 1)).toBeNull();
    expect((await cache.current(db, false, NOW - 1)).ok).toBe(false);
  });
});

describe('nothing is allowed', () => {
  const refusal = async (development = false) => {
    const current = await createPolicyCache().current(env.DB, development, NOW);
    return current.ok ? 'ok' : current.error.detail;
  };

  it('without any revision', async () => {
    expect(await refusal()).toBe('no policy has been applied');
  });

  it('when the document does not match its hash', async () => {
    await write(1, policy('one'), 'f'.repeat(64));
    expect(await refusal()).toBe('revision 1 does not match its hash');
  });

  it('when the document is no policy of this version', async () => {
    await write(1, `${policy('one')}targets: [{ id: box, kind: ssh, address: box:22 }]\n`);
    expect(await refusal()).toMatch(
      /^not a policy of this version: revision 1:[\d:]+ targets\.0\.kind: targets of kind ssh are not served/,
    );
  });

  it('when a development policy is found in production', async () => {
    await write(1, policy('one', 'http://127.0.0.1:9400'));
    expect(await refusal(true)).toBe('ok');
    expect(await refusal(false)).toMatch(/must be https/);
  });

  it('when the table is gone', async () => {
    const { db, state } = flaky();
    state.away = true;
    expect(await createPolicyCache().current(db, false, NOW)).toMatchObject({
      ok: false,
      error: { code: 'policy_unreadable', detail: 'the policy table cannot be read' },
    });
  });

  it('once a newer revision cannot be used, although an older one could', async () => {
    await write(1, policy('one'));
    const { db, state } = flaky();
    const cache = createPolicyCache();
    await cache.current(db, false, NOW);
    await write(2, 'version: 2');
    const later = NOW + POLICY_REFRESH_MS;
    expect((await cache.current(db, false, later)).ok).toBe(false);
    expect(cache.peek(later)).toBeNull();
    // The unusable text is not fetched and parsed again and again.
    const queries = state.queries;
    expect((await cache.current(db, false, later + 1)).ok).toBe(false);
    expect(state.queries).toBe(queries + 1);
    await write(3, policy('three'));
    expect(await cache.current(db, false, later + 2)).toMatchObject({
      ok: true,
      value: { revision: 3 },
    });
  });
});
