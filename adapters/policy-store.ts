// Policy revisions in D1: append-only, the highest number is active. Read through a per-isolate cache, so that most
// decisions cost no query; a revision that cannot be read, does not match its hash or does not parse denies everything.
import { createHash } from 'node:crypto';
import type { Result } from '../core/failure.ts';
import { POLICY_MAX_STALE_MS, POLICY_REFRESH_MS } from '../core/limits.ts';
import { parsePolicy } from '../core/policy/parse.ts';
import { formatProblem } from '../core/policy/problem.ts';
import { compilePolicy, type CompiledPolicy } from '../core/policy/rule.ts';

export interface ActivePolicy {
  readonly revision: number;
  /** SHA-256, hex, of the document. */
  readonly hash: string;
  readonly policy: CompiledPolicy;
}

export interface PolicyUnreadable {
  readonly code: 'policy_unreadable';
  /** For logs and the journal; names lines of the policy file, never its text. */
  readonly detail: string;
}

export interface PolicyCache {
  /** The active policy, read again when it is older than POLICY_REFRESH_MS. Never rejects. */
  current(
    db: D1Database,
    development: boolean,
    nowMs: number,
  ): Promise<Result<ActivePolicy, PolicyUnreadable>>;
  /** The active policy when it is fresh enough to be used without asking; null: await `current`. */
  peek(nowMs: number): ActivePolicy | null;
}

/** One per isolate. */
export const policies: PolicyCache = createPolicyCache();

const READ_TIMEOUT_MS = 3_000;

interface Head {
  readonly revision: number;
  readonly hash: string;
}

/** While one caller reads, the others go on with what is there for this long: a thousand sessions, one query. */
const READING_GRACE_MS = 1_000;

export function createPolicyCache(): PolicyCache {
  let active: ActivePolicy | null = null;
  /** When D1 last said that `active` is the highest revision. */
  let confirmedAt = Number.NEGATIVE_INFINITY;
  let readingSince = Number.NEGATIVE_INFINITY;
  /** The highest revision, when it cannot be used: not parsed again for every request. */
  let broken: (Head & { readonly failure: PolicyUnreadable }) | null = null;

  // A clock that was set back must not make an old policy young.
  const within = (nowMs: number, since: number, limit: number): boolean =>
    nowMs >= since && nowMs - since < limit;
  const fresh = (nowMs: number, limit: number): ActivePolicy | null =>
    within(nowMs, confirmedAt, limit) ? active : null;

  const read = async (
    db: D1Database,
    development: boolean,
    nowMs: number,
  ): Promise<Result<ActivePolicy, PolicyUnreadable>> => {
    const head = await timed(
      db
        .prepare('SELECT revision, hash FROM policy_revisions ORDER BY revision DESC LIMIT 1')
        .first<Head>(),
    );
    if (head === null) return unreadable('no policy has been applied');
    if (active !== null && same(head, active)) {
      confirmedAt = Math.max(confirmedAt, nowMs);
      return { ok: true, value: active };
    }
    if (broken !== null && same(head, broken)) return { ok: false, error: broken.failure };
    const row = await timed(
      db
        .prepare('SELECT document FROM policy_revisions WHERE revision = ?1')
        .bind(head.revision)
        .first<{ document: string }>(),
    );
    const opened =
      row === null ? unreadable('the revision is gone') : open(head, row.document, development);
    // A revision that is there and unusable is not an outage: the old one has been replaced and serves no longer.
    active = opened.ok ? opened.value : null;
    broken = opened.ok ? null : { ...head, failure: opened.error };
    confirmedAt = opened.ok ? nowMs : Number.NEGATIVE_INFINITY;
    return opened;
  };

  return {
    peek: (nowMs) => fresh(nowMs, POLICY_REFRESH_MS),
    async current(db, development, nowMs) {
      const reading = within(nowMs, readingSince, READING_GRACE_MS) ? READING_GRACE_MS : 0;
      const usable = fresh(nowMs, POLICY_REFRESH_MS + reading);
      if (usable !== null) return { ok: true, value: usable };
      readingSince = nowMs;
      try {
        return await read(db, development, nowMs);
      } catch {
        const last = fresh(nowMs, POLICY_MAX_STALE_MS);
        if (last !== null) return { ok: true, value: last };
        return unreadable('the policy table cannot be read');
      }
    },
  };
}

function same(a: Head, b: Head): boolean {
  return a.revision === b.revision && a.hash === b.hash;
}

function open(
  { revision, hash }: Head,
  document: string,
  development: boolean,
): Result<ActivePolicy, PolicyUnreadable> {
  if (createHash('sha256').update(document).digest('hex') !== hash) {
    return unreadable(`revision ${revision} does not match its hash`);
  }
  const parsed = parsePolicy(document, { development });
  if (!parsed.ok) {
    const first = parsed.error[0];
    const why = first === undefined ? 'unknown' : formatProblem(`revision ${revision}`, first);
    return unreadable(`not a policy of this version: ${why}`);
  }
  return { ok: true, value: { revision, hash, policy: compilePolicy(parsed.value, revision) } };
}

function unreadable(detail: string) {
  return { ok: false, error: { code: 'policy_unreadable', detail } } as const;
}

async function timed<T>(query: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('D1 did not answer in time')), READ_TIMEOUT_MS);
  });
  try {
    return await Promise.race([query, late]);
  } finally {
    clearTimeout(timer);
  }
}
