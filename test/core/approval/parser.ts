// Postgres' own parser on Node, as core wants it.
import { parseSync } from 'libpg-query';
import type { ParseSql } from '../../../core/sql/parse.ts';

/** Call libpg-query's loadModule() first. */
export const parse: ParseSql = (sql) => {
  if (sql.includes('\0') || !sql.isWellFormed())
    return { ok: false, failure: { kind: 'encoding' } };
  try {
    const statements = (parseSync(sql).stmts ?? []).map((raw) => ({
      node: raw.stmt!,
      location: raw.stmt_location ?? 0,
      length: raw.stmt_len ?? 0,
    }));
    return { ok: true, statements };
  } catch {
    return { ok: false, failure: { kind: 'syntax', message: '', cursor: 0 } };
  }
};
