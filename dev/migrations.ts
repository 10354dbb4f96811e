// Applies migrations/ to the local D1 as `wrangler d1 migrations apply` does, same bookkeeping table included, without the
// seconds that starting wrangler takes.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { D1Database } from '@cloudflare/workers-types';
import { unstable_splitSqlQuery as splitSqlQuery } from 'wrangler';
import { ROOT } from './bundle.ts';

/** wrangler's own definition of its table. */
const BOOKKEEPING = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/** Answers with the names of the migrations that were applied just now. */
export async function migrate(database: D1Database): Promise<readonly string[]> {
  await database.prepare(BOOKKEEPING).run();
  const { results } = await database
    .prepare('SELECT name FROM d1_migrations')
    .all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  const folder = join(ROOT, 'migrations');
  const pending = readdirSync(folder)
    .filter((name) => name.endsWith('.sql') && !applied.has(name))
    .sort();
  for (const name of pending) {
    const statements = splitSqlQuery(readFileSync(join(folder, name), 'utf8'));
    // One batch is one transaction: a migration is recorded with its effect or not at all.
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name),
    ]);
  }
  return pending;
}
