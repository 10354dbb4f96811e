// Believable session events for tests of the journal, recordings and the index.
import type { EngineEvent, SessionEvent } from '../../core/audit/event.ts';
import type { SqlFacts } from '../../core/facts.ts';

export const START_MS = Date.UTC(2026, 10, 24, 13, 0, 0);

export function sqlFacts(tables: readonly string[], effect: SqlFacts['effect'] = 'read'): SqlFacts {
  const verb = effect === 'read' ? 'SELECT' : 'DROP TABLE';
  const statement = {
    effect,
    reads: effect === 'read' ? tables : [],
    writes: effect === 'read' ? [] : tables,
    columns: [],
    functions: [],
    settings: [],
    whereless: false,
  };
  return {
    ...statement,
    statements: [{ ...statement, verb, limit: null }],
    verbs: [verb],
    tables,
    opaque: [],
  };
}

export function sessionStart(session: string, more: { principal?: string; target?: string } = {}) {
  return {
    kind: 'session.start',
    session,
    target: more.target ?? 'shop-db',
    protocol: 'postgres',
    principal: {
      id: more.principal ?? 'github:repo:acme/shop',
      kind: 'workload',
      groups: ['agents'],
      claimsDigest: 'ab'.repeat(32),
    },
    client: { name: 'psql', address: '192.0.2.7', country: 'DE' },
    revision: 7,
  } as const satisfies SessionEvent;
}

export function statement(
  number: number,
  text: string,
  tables: readonly string[] = ['public.orders'],
) {
  return { kind: 'statement', statement: number, text, facts: sqlFacts(tables) } as const;
}

export function intent(
  action: number,
  number: number,
  binds: readonly (string | null)[] | null = null,
): EngineEvent {
  const decision = {
    kind: 'allow',
    rules: ['agents-read'],
    code: null,
    revision: 7,
    observed: [],
  } as const;
  return { kind: 'intent', action, statement: number, via: 'query', binds, decision };
}

export function deniedIntent(action: number, number: number): EngineEvent {
  const decision = {
    kind: 'deny',
    rules: ['no-ddl'],
    code: 'rule',
    revision: 7,
    observed: [],
  } as const;
  return { kind: 'intent', action, statement: number, via: 'query', binds: null, decision };
}

export function outcome(
  action: number,
  kind: 'succeeded' | 'refused' | 'failed' = 'succeeded',
): EngineEvent {
  const rows = kind === 'succeeded' ? 3 : 0;
  const error = kind === 'failed' ? '42P01' : null;
  const digest = kind === 'succeeded' ? 'cd'.repeat(32) : null;
  return { kind: 'outcome', action, outcome: kind, rows, bytes: rows * 40, error, digest };
}

export const SESSION_END: SessionEvent = { kind: 'session.end', code: 'client_closed', detail: '' };
