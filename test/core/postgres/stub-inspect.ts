// A stand-in for core/sql in tests of the engine: regular expressions where the real one has Postgres' parser. Good enough
// for the texts of these tests, which is all it is for.
import { nth } from './wire.ts';
import type { SqlFacts, SqlStatementFacts } from '../../../core/facts.ts';
import type {
  Inspect,
  Inspection,
  SessionChange,
  SqlContext,
} from '../../../core/sql/inspection.ts';

const NOTHING: Omit<SqlStatementFacts, 'verb'> = {
  effect: 'session',
  reads: [],
  writes: [],
  columns: [],
  functions: [],
  settings: [],
  whereless: false,
  limit: null,
};

const ORDER = ['session', 'read', 'write', 'schema', 'admin', 'opaque'] as const;

/** Names resolve to the first schema of the path that is not pg_catalog, so that a test can see which path was used. */
function resolve(name: string, context: SqlContext): string {
  if (name.includes('.')) return name;
  const schemas = context.searchPaths.map((path) => path.find((s) => s !== 'pg_catalog') ?? '?');
  return `${[...new Set(schemas)].join('|')}.${name}`;
}

interface Part {
  readonly facts: SqlStatementFacts;
  readonly changes: readonly SessionChange[];
  readonly copyIn?: boolean;
}

function unquote(name: string | undefined): string {
  return name === undefined ? '' : name.startsWith('"') ? name.slice(1, -1) : name.toLowerCase();
}

function part(sql: string, context: SqlContext): Part {
  const text = sql.trim();
  const verb = /^[a-z]+/i.exec(text)?.[0].toUpperCase() ?? '';
  const named = (pattern: RegExp) =>
    [...text.matchAll(pattern)].map((match) => resolve(match[1] ?? '', context));
  const plain = (facts: Partial<SqlStatementFacts>, ...changes: SessionChange[]): Part => ({
    facts: { ...NOTHING, verb, ...facts },
    changes,
  });
  const inner = (texts: readonly string[]): Part => {
    const [first] = texts;
    if (first === undefined || /^(EXECUTE|FETCH)/.test(first)) return plain({ effect: 'opaque' });
    const all = texts.map((t) => part(t, context));
    const whole = nth(all, 0);
    return { ...whole, facts: { ...whole.facts, verb } };
  };
  switch (verb) {
    case 'SELECT':
    case 'VALUES':
    case 'TABLE': {
      const functions = [...text.matchAll(/\b(\w+)\(/g)].map((match) => match[1] ?? '');
      const opaque = functions.includes('opaque') || functions.includes('set_config');
      return plain({
        effect: opaque ? 'opaque' : 'read',
        reads: named(/\bFROM ([\w.]+)/gi),
        functions,
      });
    }
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
      return plain({ effect: 'write', writes: named(/\b(?:INTO|UPDATE|FROM) ([\w.]+)/gi) });
    case 'CREATE':
    case 'DROP':
    case 'ALTER':
    case 'TRUNCATE':
      return plain(
        {
          effect: 'schema',
          writes: named(/\b(?:TABLE|SCHEMA)(?: IF (?:NOT )?EXISTS)? ([\w.]+)/gi),
        },
        { kind: 'catalog' },
      );
    case 'DO':
    case 'CALL':
      return plain({ effect: 'opaque' });
    case 'COPY': {
      const into = /\bFROM STDIN/i.test(text);
      const tables = named(/^COPY ([\w.]+)/gi);
      return {
        ...plain(into ? { effect: 'write', writes: tables } : { effect: 'read', reads: tables }),
        copyIn: into,
      };
    }
    case 'SET':
    case 'RESET':
      return /search_path|role/i.test(text)
        ? plain({ settings: ['search_path'] }, { kind: 'state' })
        : plain({ settings: ['other'] });
    case 'COMMIT':
    case 'ROLLBACK':
    case 'END':
    case 'ABORT':
      return plain({}, { kind: 'state', ending: true });
    case 'PREPARE': {
      const [, name, body] = /^PREPARE ("[^"]*"|\w+)(?: ?\([^)]*\))? AS (.*)$/is.exec(text) ?? [];
      const prepared = part(body ?? '', context);
      return plain(
        { ...prepared.facts, verb },
        { kind: 'prepare', name: unquote(name), text: body ?? '' },
      );
    }
    case 'EXECUTE':
      return inner(context.prepared(unquote(/^EXECUTE ("[^"]*"|\w+)/i.exec(text)?.[1])));
    case 'DEALLOCATE': {
      const name = /^DEALLOCATE ("[^"]*"|\w+)/i.exec(text)?.[1];
      return plain(
        {},
        { kind: 'deallocate', name: /^all$/i.test(name ?? '') ? null : unquote(name) },
      );
    }
    case 'DECLARE': {
      const [, name, body] = /^DECLARE ("[^"]*"|\w+) .*?\bFOR (.*)$/is.exec(text) ?? [];
      const query = part(body ?? '', context);
      return plain(
        { ...query.facts, verb },
        { kind: 'declare', name: unquote(name), text: body ?? '' },
      );
    }
    case 'FETCH':
    case 'MOVE': {
      const name = unquote(/\b(?:FROM|IN) ("[^"]*"|\w+)/i.exec(text)?.[1]);
      const paths = context.cursorPaths?.(name) ?? context.searchPaths;
      const texts = context.cursor(name);
      const [first] = texts;
      if (first === undefined || /^(EXECUTE|FETCH)/.test(first)) return plain({ effect: 'opaque' });
      const found = part(first, { ...bound(context), searchPaths: paths });
      return { ...found, facts: { ...found.facts, verb } };
    }
    case 'CLOSE': {
      const name = /^CLOSE ("[^"]*"|\w+)/i.exec(text)?.[1];
      return plain({}, { kind: 'close', name: /^all$/i.test(name ?? '') ? null : unquote(name) });
    }
    case 'DISCARD':
      return plain({}, { kind: 'discard' });
    default:
      return plain({});
  }
}

function bound(context: SqlContext): SqlContext {
  return {
    searchPaths: context.searchPaths,
    readOnly: context.readOnly,
    prepared: (name) => context.prepared(name),
    cursor: (name) => context.cursor(name),
  };
}

export const stubInspect: Inspect = (sql, context): Inspection => {
  if (/^garbage/i.test(sql)) {
    return {
      facts: summary([]),
      unresolved: [],
      refusal: {
        kind: 'deny',
        code: 'sql_unparsable',
        rule: null,
        message: 'The statement is not SQL.',
        hint: '',
      },
      changes: [],
      copyIn: false,
      lineage: () => null,
    };
  }
  const parts = sql
    .split(';')
    .filter((text) => text.trim() !== '')
    .map((text) => part(text, context));
  return {
    facts: summary(parts.map((p) => p.facts)),
    unresolved: [...sql.matchAll(/\bunknown_\w+/g)].map((match) => match[0]),
    refusal: null,
    changes: parts.flatMap((p) => p.changes),
    copyIn: parts.some((p) => p.copyIn === true),
    lineage: () => null,
  };
};

function summary(statements: readonly SqlStatementFacts[]): SqlFacts {
  const all = (pick: (s: SqlStatementFacts) => readonly string[]) => [
    ...new Set(statements.flatMap(pick)),
  ];
  const ranks = statements.map((s) => ORDER.indexOf(s.effect));
  return {
    statements,
    verbs: all((s) => [s.verb]),
    effect: ORDER[Math.max(0, ...ranks)] ?? 'opaque',
    reads: all((s) => s.reads),
    writes: all((s) => s.writes),
    tables: all((s) => [...s.reads, ...s.writes]),
    columns: [],
    functions: all((s) => s.functions),
    settings: all((s) => s.settings),
    whereless: false,
    opaque: [],
  };
}
