// The masks of a decision: which decisions get them, which become refusals, and that they follow the policy in force.
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../adapters/env.ts';
import { maskKey } from '../../adapters/mask-key.ts';
import type { ActionContent } from '../../core/approval/request.ts';
import type { ApprovalDemand, Decision } from '../../core/decision.ts';
import type { Effect } from '../../core/engine.ts';
import type { SqlFacts } from '../../core/facts.ts';
import type { Principal } from '../../core/identity.ts';
import { POLICY_REFRESH_MS } from '../../core/limits.ts';
import type { MaskSet } from '../../core/masking/mask.ts';
import type { CatalogRelation } from '../../core/sql/catalog.ts';
import type { StatementLineage } from '../../core/sql/lineage/lineage.ts';
import { Judgement } from '../../durable-objects/judgement.ts';
import { maskedDecision, type MasksInForce } from '../../durable-objects/masked-decision.ts';
import type { TargetCatalog } from '../../durable-objects/target-catalog.ts';
import type { SessionTicket } from '../../core/session-ticket.ts';

type Decide = Extract<Effect, { kind: 'decide' }>;

const customers = {
  oid: 100,
  schema: 'public',
  name: 'customers',
  columns: [{ name: 'email', attnum: 2, type: 25, generated: false }],
  parents: [],
} as unknown as CatalogRelation;
const [emailColumn] = customers.columns;
if (emailColumn === undefined) throw new Error('no column');
const email = new Set([{ relation: customers, column: emailColumn }]);

const statement = (over: Partial<StatementLineage> = {}): StatementLineage => ({
  outputs: [{ name: 'email', direct: true, columns: email }],
  uses: [],
  assignments: [],
  touches: new Set([customers]),
  redefines: new Set(),
  unproven: [],
  untrusted: [],
  copyOut: null,
  copyIn: null,
  ...over,
});

const READ = [statement()];
const LIKE = [statement({ uses: [{ columns: email, how: 'other', clause: 'WHERE', by: 'LIKE' }] })];
const STORE = [
  statement({
    outputs: null,
    assignments: [
      { into: email, from: { columns: new Set(), direct: false }, constant: null, parameter: 1 },
    ],
  }),
];

const facts: SqlFacts = {
  effect: 'read',
  statements: [],
  verbs: ['SELECT'],
  reads: [],
  writes: [],
  tables: [],
  columns: [],
  functions: [],
  settings: [],
  whereless: false,
  opaque: [],
};

function asking(lineage: ReturnType<Decide['lineage']>, over: Partial<Decide> = {}): Decide {
  return {
    kind: 'decide',
    id: 1,
    action: { kind: 'sql', sql: facts },
    refusal: null,
    unresolved: [],
    content: () => null,
    lineage: () => lineage,
    quiet: true,
    preparing: false,
    ...over,
  };
}

const binding = (
  binds: readonly (string | null)[] | null,
  bindFormats: readonly number[] | null = null,
) => ({ content: () => ({ kind: 'sql', binds, bindFormats }) as unknown as ActionContent });

const masks: MaskSet = {
  column: (_schema, _relation, column) =>
    column === 'email' ? { ids: ['m'], kind: 'hash', predicates: 'equality' } : null,
  detect: [],
  safeFunctions: new Set(),
};
const inForce: MasksInForce = { masks, keyed: true };
const demand = { rule: 'ask' } as ApprovalDemand;

const ALLOW: Decision = { kind: 'allow', rules: ['r'], revision: 3, observed: ['o:deny'] };
const APPROVED: Decision = { ...ALLOW, approval: { id: 'a', maxRows: 5 } };
const APPROVE: Decision = { kind: 'approve', demands: [demand], revision: 3, observed: [] };
const DENY: Decision = {
  kind: 'deny',
  code: 'rule',
  rule: 'r',
  message: 'No.',
  hint: '',
  revision: 3,
  observed: [],
};

const masking = {
  results: [{ columns: [{ treatment: 'mask', kind: 'hash', origins: new Set(['100.2']) }] }],
  hushed: true,
};

describe('a decision about a statement', () => {
  it.each([
    ['allowed by a rule', ALLOW],
    ['allowed by an approval', APPROVED],
  ])('%s gets what is masked in its answer', (_name, decision) => {
    expect(maskedDecision(asking(READ), decision, inForce)).toMatchObject({ ...decision, masking });
  });

  it.each([
    ['allowed by a rule', ALLOW],
    ['allowed by an approval', APPROVED],
    ['that would ask a human', APPROVE],
  ])('%s is refused where masks do not allow it', (_name, decision) => {
    expect(maskedDecision(asking(LIKE), decision, inForce)).toMatchObject({
      kind: 'deny',
      code: 'mask_predicate',
      revision: 3,
      observed: decision.observed,
    });
  });

  it.each([
    ['a refusal', DENY, asking(null)],
    ['a question that may be answered', APPROVE, asking(READ)],
    ['opening a session', ALLOW, asking(null, { action: { kind: 'connect' } as Decide['action'] })],
  ])('%s stays what it is', (_name, decision, effect) => {
    expect(maskedDecision(effect, decision, inForce)).toBe(decision);
  });

  it('stays what it is where no mask concerns the caller, and nothing is looked through', () => {
    const effect = asking(null, {
      lineage: () => {
        throw new Error('looked through for nothing');
      },
    });
    expect(maskedDecision(effect, ALLOW, { masks: null, keyed: false })).toBe(ALLOW);
  });

  it.each([
    ['the masks are not known', null, READ, 'policy_unreadable'],
    ['the text cannot be looked through', inForce, null, 'mask_unproven'],
    ['a key is missing', { masks, keyed: false }, READ, 'mask_key_missing'],
  ])('is refused where %s', (_name, known, lineage, code) => {
    expect(maskedDecision(asking(lineage), ALLOW, known)).toMatchObject({ kind: 'deny', code });
    expect(maskedDecision(asking(lineage), APPROVE, known)).toMatchObject({ kind: 'deny', code });
  });

  it('needs no key for what no key masks', () => {
    const other = [statement({ outputs: null })];
    expect(maskedDecision(asking(other), ALLOW, { masks, keyed: false }).kind).toBe('allow');
  });

  const hex = (text: string) => `\\x${Buffer.from(text).toString('hex')}`;
  it.each([
    ['a value', binding(['ann@example.com']), 'allow'],
    ['a placeholder', binding(['[masked]']), 'mask_placeholder'],
    ['a placeholder in binary', binding([hex('[masked]')], [1]), 'mask_placeholder'],
    ['a value in binary', binding([hex('ann@example.com')], [1]), 'allow'],
    ['NULL in binary', binding([null], [1]), 'allow'],
    ['parameters without values', binding(null), 'mask_placeholder'],
    ['no content', {}, 'mask_placeholder'],
    ['values that follow', { preparing: true }, 'allow'],
  ] as readonly [string, Partial<Decide>, string][])(
    'that stores %s in a masked column: %s',
    (_name, over, expected) => {
      const decision = maskedDecision(asking(STORE, over), ALLOW, inForce);
      expect(decision.kind === 'deny' ? decision.code : decision.kind).toBe(expected);
    },
  );
});

describe('the key of a target', () => {
  const of = (secret: string | undefined, target: string) =>
    maskKey({ POSTERN_MASK_KEY: secret } as unknown as Env, target);
  const SECRET = 'k'.repeat(32);

  it('is derived from the secret and the target, and from nothing else', () => {
    expect(of(SECRET, 'shop')).toHaveLength(32);
    expect(of(SECRET, 'shop')).toEqual(of(SECRET, 'shop'));
    expect(of(SECRET, 'shop')).not.toEqual(of(SECRET, 'lab'));
    expect(of(SECRET, 'shop')).not.toEqual(of('j'.repeat(32), 'shop'));
  });

  it.each([[undefined], [''], ['k'.repeat(31)]])('is missing for the secret %o', (secret) => {
    expect(of(secret, 'shop')).toBeNull();
  });
});

describe('the masks in force', () => {
  const NOW = Date.UTC(2026, 5, 1, 12);
  const agent: Principal = {
    id: 'ci:a',
    issuer: 'ci',
    subject: 'a',
    kind: 'workload',
    groups: ['agents'],
    claims: {},
    expiresAtMs: NOW + 3_600_000,
  };
  const document = (masks: string, targets = '[shop, lab]') =>
    `version: 1
issuers:
  - { id: ci, issuer: "https://ci.example", audience: gate, kind: workload }
targets:${targets
      .slice(1, -1)
      .split(', ')
      .map(
        (id) =>
          `\n  - { id: ${id}, kind: postgres, address: "db.example:5432", database: d, credential: { user: u, password: P } }`,
      )
      .join('')}
rules:
  - { id: read, then: allow, when: 'sql.effect == "read"' }
${masks}`;

  const MASK = 'masks:\n  - { id: m, columns: ["*.*.email"], as: redact }\n';

  let revision = 0;
  async function apply(text: string): Promise<void> {
    revision += 1;
    const hash = createHash('sha256').update(text).digest('hex');
    await env.DB.prepare(
      'INSERT INTO policy_revisions (revision, hash, document, applied_at, applied_by) VALUES (?1, ?2, ?3, ?4, ?5)',
    )
      .bind(revision, hash, text, NOW, 'test')
      .run();
    vi.setSystemTime(Date.now() + POLICY_REFRESH_MS + 1);
  }

  const catalog = { fresh: () => true } as unknown as TargetCatalog;
  const judgement = () =>
    new Judgement(
      env as unknown as Env,
      { target: 'shop', client: { agent: 'x', country: 'DE' } } as unknown as SessionTicket,
      catalog,
    );

  async function decided(by: Judgement): Promise<ReturnType<Judgement['masked']> | null> {
    const effect = asking(READ);
    const decision = await by.decide(effect, agent);
    return decision === null ? null : by.masked(effect, decision);
  }

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
    return () => vi.useRealTimers();
  });

  it('are those of the newest revision, within a session', async () => {
    const session = judgement();
    await apply(document(''));
    expect(await decided(session)).not.toHaveProperty('masking');
    await apply(document(MASK));
    expect(await decided(session)).toMatchObject({
      kind: 'allow',
      masking: { results: [{ columns: [{ treatment: 'mask', kind: 'redact' }] }] },
    });
    await apply(document(MASK.replace('columns:', 'on: [lab], columns:')));
    expect(await decided(session)).not.toHaveProperty('masking');
  });

  it('are asked again when a human has allowed it under an older revision', async () => {
    const session = judgement();
    await apply(document(''));
    await decided(session);
    await apply(document(MASK));
    await decided(session);
    expect(session.masked(asking(READ), APPROVED)).toHaveProperty('masking');
    await apply(document('', '[lab]'));
    expect(await decided(session)).toMatchObject({ kind: 'deny', code: 'no_rule' });
    expect(session.masked(asking(READ), APPROVED)).toMatchObject({
      kind: 'deny',
      code: 'policy_unreadable',
    });
  });

  it('say the same of a target of another kind as of one that is not there', async () => {
    const asked = [
      asking(READ),
      asking(READ, {
        action: { kind: 'connect', connect: { protocol: 'postgres', client: 'psql', country: '' } },
      }),
    ];
    const all = async () => {
      const session = judgement();
      const decisions = [];
      for (const effect of asked) {
        decisions.push({ ...(await session.decide(effect, agent)), revision: 0 });
      }
      return decisions;
    };
    const everything = (text: string) =>
      text.replace(/  - { id: read.*/, '  - { id: all, then: allow }');
    await apply(everything(document('')));
    expect(await all()).toMatchObject([{ kind: 'allow' }, { kind: 'allow' }]);
    await apply(everything(document('', '[lab]')));
    const missing = await all();
    expect(missing).toMatchObject([
      { code: 'no_rule', hint: '' },
      { code: 'no_rule', hint: '' },
    ]);
    const service = '\n  - { id: shop, kind: http, address: "https://api.example" }\nrules:';
    await apply(everything(document('', '[lab]')).replace('\nrules:', service));
    expect(await all()).toEqual(missing);
  });

  it('are unknown before the policy was read, and nothing is allowed then', () => {
    expect(judgement().masked(asking(READ), ALLOW)).toMatchObject({ code: 'policy_unreadable' });
  });
});
