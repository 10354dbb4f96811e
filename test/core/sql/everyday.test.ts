// What tools send all day must be plain reading, on a read-only target too: psql's backslash commands as psql sends them,
// and the introspection of ORMs and drivers.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { look } from './judging.ts';

const PSQL = readFileSync(new URL('../../fixtures/psql-queries.txt', import.meta.url), 'utf8')
  .split('\n;;\n')
  .slice(1);

const TOOLS: readonly (readonly [string, string])[] = [
  [
    'JDBC',
    "SELECT n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull, a.atttypmod, a.attlen, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') AS attidentity, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum) WHERE c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND c.relname LIKE 'orders' ORDER BY nspname, c.relname, attnum",
  ],
  [
    'Rails',
    'SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation WHERE a.attrelid = \'"orders"\'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum',
  ],
  [
    'Rails types',
    "SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype FROM pg_type AS t LEFT JOIN pg_range AS r ON oid = rngtypid WHERE t.typname IN ('int2', 'json')",
  ],
  [
    'Django',
    "SELECT c.relname, CASE WHEN c.relispartition THEN 'p' WHEN c.relkind IN ('m', 'v') THEN 'v' ELSE 't' END, obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid)",
  ],
  [
    'SQLAlchemy',
    "SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = 'orders' AND pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid)",
  ],
  [
    'Prisma',
    "SELECT tbl.relname AS table_name, namespace.nspname AS namespace, (tbl.relhassubclass AND tbl.relkind = 'p') AS is_partition, obj_description(tbl.oid, 'pg_class') AS description FROM pg_class AS tbl INNER JOIN pg_namespace AS namespace ON namespace.oid = tbl.relnamespace WHERE tbl.relkind IN ('r', 'p') AND namespace.nspname = ANY ($1) ORDER BY namespace, table_name",
  ],
  ['Hibernate', 'SELECT * FROM information_schema.sequences'],
  [
    'information_schema',
    "SELECT kcu.column_name, ccu.table_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu ON tc.constraint_name = kcu.constraint_name JOIN information_schema.constraint_column_usage ccu ON ccu.constraint_name = tc.constraint_name WHERE tc.constraint_type = 'FOREIGN KEY' AND tc.table_name = 'orders'",
  ],
  [
    'columns',
    "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'customers'",
  ],
  [
    'Npgsql',
    "SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid FROM (SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid AS elemtypoid, CASE WHEN proc.proname = 'array_recv' THEN 'a' ELSE typ.typtype END AS kind FROM (SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid, typtype, typreceive FROM pg_type AS typ LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid) LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive) AS typ LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = typ.elemoid LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive) AS t JOIN pg_namespace AS ns ON (ns.oid = typnamespace)",
  ],
  [
    'Metabase',
    "SELECT t.schemaname AS schema, t.tablename AS table, pg_catalog.has_table_privilege(current_user, concat_ws('.', quote_ident(t.schemaname), quote_ident(t.tablename)), 'DELETE') AS delete FROM pg_catalog.pg_tables t WHERE t.schemaname !~ '^pg_'",
  ],
  [
    'pg activity',
    "SELECT pid, usename, state, query, pg_blocking_pids(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND state <> 'idle'",
  ],
  ['locks', 'SELECT relation::regclass, mode, granted FROM pg_locks WHERE NOT granted'],
  [
    'sizes',
    "SELECT relname, pg_size_pretty(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relkind = 'r' ORDER BY pg_total_relation_size(c.oid) DESC LIMIT 10",
  ],
  ['indexes', "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'orders'"],
  [
    'postgres.js',
    "SELECT b.oid, b.typarray FROM pg_catalog.pg_type a LEFT JOIN pg_catalog.pg_type b ON b.oid = a.typelem WHERE a.typcategory = 'A' GROUP BY b.oid, b.typarray ORDER BY b.oid",
  ],
  [
    'asyncpg',
    'WITH RECURSIVE typeinfo_tree(oid, ns, name, kind, basetype, elemtype, depth) AS (SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, t.typelem, 0 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = any($1::oid[]) UNION ALL SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, t.typelem, tt.depth + 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace, typeinfo_tree tt WHERE tt.elemtype = t.oid) SELECT DISTINCT *, basetype::regtype::text AS basetype_name FROM typeinfo_tree ORDER BY depth DESC',
  ],
];

describe('psql', () => {
  it('has its queries here', () => expect(PSQL.length).toBeGreaterThan(60));

  it.each(PSQL.map((sql) => [sql.trim().replace(/\s+/g, ' ').slice(0, 90), sql]))(
    '%s',
    (_, sql) => {
      const { facts, refusal, unresolved } = look(sql, { readOnly: true });
      expect({ effect: facts.effect, opaque: facts.opaque, refusal, unresolved }).toEqual({
        effect: 'read',
        opaque: [],
        refusal: null,
        unresolved: [],
      });
    },
  );
});

describe('drivers and ORMs', () => {
  it.each(TOOLS)('%s', (_, sql) => {
    const { facts, refusal, unresolved } = look(sql, { readOnly: true });
    expect({ effect: facts.effect, opaque: facts.opaque, refusal, unresolved }).toEqual({
      effect: 'read',
      opaque: [],
      refusal: null,
      unresolved: [],
    });
  });
});
