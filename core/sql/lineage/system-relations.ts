// Relations of pg_catalog and information_schema that carry values of tables, texts of other people's statements, or
// secrets; everything else there describes the schema. PostgreSQL manual, chapters 27.2, 52, 53 and 37.
import { FIRST_USER_OID, type CatalogRelation } from '../catalog.ts';

const VALUES = 'which holds values of other tables';
const TEXTS = 'which holds the statements of others';
const SECRETS = 'which holds secrets';

/** By name in pg_catalog; true stands for every column. */
const CATALOG: Readonly<Record<string, readonly [why: string, columns: true | readonly string[]]>> =
  {
    pg_statistic: [VALUES, true],
    pg_statistic_ext_data: [VALUES, true],
    pg_stats: [VALUES, true],
    pg_stats_ext: [VALUES, true],
    pg_stats_ext_exprs: [VALUES, true],
    pg_largeobject: [VALUES, true],
    // The value that a column added later has in older rows.
    pg_attribute: [VALUES, ['attmissingval']],
    pg_stat_activity: [TEXTS, ['query']],
    pg_authid: [SECRETS, true],
    pg_shadow: [SECRETS, true],
    pg_user_mapping: [SECRETS, true],
    pg_user_mappings: [SECRETS, true],
    pg_subscription: [SECRETS, ['subconninfo']],
    pg_stat_wal_receiver: [SECRETS, ['conninfo']],
    pg_hba_file_rules: [SECRETS, true],
    pg_ident_file_mappings: [SECRETS, true],
    pg_file_settings: [SECRETS, true],
  };

const INFORMATION: ReadonlySet<string> = new Set(['user_mapping_options', '_pg_user_mappings']);

/** Views that extensions bring, wherever they were installed. */
const EXTENSIONS: ReadonlySet<string> = new Set([
  'pg_stat_statements',
  'pg_stat_monitor',
  'pg_qualstats',
  'pg_store_plans',
]);

export interface Refusal {
  /** Sentence part for `unproven`. */
  readonly what: string;
  /** Null: reading it at all is refused. */
  readonly columns: ReadonlySet<string> | null;
}

export function isSystemRelation(relation: CatalogRelation): boolean {
  const { schema, oid } = relation;
  return oid < FIRST_USER_OID && (schema === 'pg_catalog' || schema === 'information_schema');
}

/** Null: nothing in it is refused. */
export function refusalOf(relation: CatalogRelation): Refusal | null {
  const { schema, name } = relation;
  if (EXTENSIONS.has(name) && relation.kind === 'v') {
    return { what: `${schema}.${name}, ${TEXTS}`, columns: null };
  }
  if (!isSystemRelation(relation)) {
    return schema === 'pg_toast' ? { what: `${schema}.${name}, ${VALUES}`, columns: null } : null;
  }
  if (schema === 'information_schema') {
    if (!INFORMATION.has(name)) return null;
    return { what: `information_schema.${name}, ${SECRETS}`, columns: null };
  }
  if (!Object.hasOwn(CATALOG, name)) return null;
  const [why, columns] = CATALOG[name] ?? [VALUES, true];
  if (columns === true) return { what: `pg_catalog.${name}, ${why}`, columns: null };
  return { what: `pg_catalog.${name}.${columns.join()}, ${why}`, columns: new Set(columns) };
}
