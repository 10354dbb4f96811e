// What is read of a target's system catalogs (PostgreSQL manual, chapter 52), as one JSON document per query: far fewer
// bytes and far less work than rows. Each takes the range of oids it covers: initdb's objects are read once.
// Row shapes: core/sql/catalog-snapshot.ts.
import { FIRST_USER_OID } from '../core/sql/catalog.ts';

export type CatalogPart = 'system' | 'user';

const range = (part: CatalogPart, oid: string) =>
  `${oid} ${part === 'system' ? '<' : '>='} ${FIRST_USER_OID}`;

/** Objects that belong to an extension. */
const extension = (catalog: string, oid: string) =>
  `EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

/** Definitions are deparsed with names as they are visible, so nothing but pg_catalog may be on the path. */
export const PREPARATION = `
  SET LOCAL search_path = '';
  SET LOCAL statement_timeout = 10000;
  SET LOCAL lock_timeout = 2000`;

export const SERVER = `SELECT current_setting('server_version_num') AS version`;

export const SCHEMAS = `SELECT coalesce(json_agg(nspname ORDER BY oid), '[]')::text AS rows FROM pg_namespace`;

export const OPERATORS = `
  SELECT coalesce(json_agg(n.nspname || '.' || o.oprname ORDER BY o.oid), '[]')::text AS rows
  FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
  WHERE ${range('user', 'o.oid')} AND NOT ${extension('pg_operator', 'o.oid')}`;

/** Indexes and TOAST tables stay out: no statement may name them. tgtype bits: pg_trigger.h. */
export const relations = (part: CatalogPart) => `
  SELECT coalesce(json_agg(json_build_array(
    c.oid::int8, n.nspname, c.relname, c.relkind,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'),
    array_remove(ARRAY[
      CASE WHEN t.events & 4 > 0 THEN 'INSERT' END, CASE WHEN t.events & 8 > 0 THEN 'DELETE' END,
      CASE WHEN t.events & 16 > 0 THEN 'UPDATE' END, CASE WHEN t.events & 32 > 0 THEN 'TRUNCATE' END], NULL),
    c.relrowsecurity,
    ARRAY(SELECT i.inhparent::int8 FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
    coalesce((
      SELECT json_agg(CASE WHEN a.attgenerated = ''
        THEN json_build_array(a.attname, a.attnum, a.atttypid::int8, false)
        ELSE json_build_array(a.attname, a.attnum, a.atttypid::int8, true, (
          SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum))
        END ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]')
  ) ORDER BY c.oid), '[]')::text AS rows
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (
    SELECT bit_or(t.tgtype::int) AS events FROM pg_trigger t
    WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D') t ON true
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND ${range(part, 'c.oid')}`;

/** Functions with an argument of type internal (oid 2281) cannot be called from SQL. */
export const functions = (part: CatalogPart) => `
  SELECT coalesce(json_agg(json_build_array(
    p.oid::int8, n.nspname, p.proname, p.provolatile, p.prokind,
    ${part === 'system' ? 'true' : extension('pg_proc', 'p.oid')},
    p.proargtypes::int8[], p.pronargdefaults, p.provariadic <> 0, p.prorettype::int8,
    ARRAY(
      SELECT coalesce(p.proargnames[i], '') FROM generate_subscripts(p.proargmodes, 1) i
      WHERE p.proargmodes[i] IN ('o', 'b', 't') ORDER BY i),
    l.lanname
  ) ORDER BY p.oid), '[]')::text AS rows
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
  WHERE NOT 2281 = ANY (p.proargtypes) AND ${range(part, 'p.oid')}`;

const written = (oid: string) => `${range('user', oid)} AND NOT ${extension('pg_proc', oid)}`;

export const types = (part: CatalogPart) => `
  SELECT coalesce(json_agg(json_build_array(
    t.oid::int8, n.nspname, t.typname,
    ${
      part === 'system'
        ? 'false'
        : `(${written('t.typinput::oid')})
    OR EXISTS (SELECT FROM pg_cast x WHERE x.casttarget = t.oid AND ${written('x.castfunc')})
    OR EXISTS (
      SELECT FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
      WHERE k.contypid = t.oid AND d.refclassid = 'pg_proc'::regclass AND ${written('d.refobjid')})`
    },
    t.typbasetype::int8, t.typelem::int8, t.typrelid::int8
  ) ORDER BY t.oid), '[]')::text AS rows
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE ${range(part, 't.oid')}`;
