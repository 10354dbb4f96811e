import { readFileSync, readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import {
  generateSQLiteDrizzleJson,
  generateSQLiteMigration,
  type DrizzleSQLiteSnapshotJSON,
} from 'drizzle-kit/api';
import { describe, expect, it } from 'vitest';
import * as schema from '../../adapters/schema.ts';

const files = readdirSync('migrations')
  .filter((name) => name.endsWith('.sql'))
  .sort();

/** Columns and indexes as SQLite itself sees them once the SQL has run. */
function shape(statements: readonly string[]): unknown {
  const db = new DatabaseSync(':memory:');
  for (const statement of statements) db.exec(statement);
  const names = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .all() as { name: string }[];
  const tables = names.map(({ name }) => [name, db.prepare(`PRAGMA table_xinfo(${name})`).all()]);
  const indexes = db
    .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name")
    .all();
  db.close();
  return JSON.parse(JSON.stringify({ tables, indexes }));
}

describe('migrations', () => {
  it('are what `npm run migrations` last made of adapters/schema.ts', async () => {
    const last = String(files.length - 1).padStart(4, '0');
    const stored = JSON.parse(
      readFileSync(`migrations/meta/${last}_snapshot.json`, 'utf8'),
    ) as DrizzleSQLiteSnapshotJSON;
    const current = await generateSQLiteDrizzleJson(schema, stored.id);
    expect(await generateSQLiteMigration(stored, current)).toEqual([]);
  });

  it('give the very tables that the schema describes', async () => {
    const empty = await generateSQLiteDrizzleJson({});
    const wanted = await generateSQLiteMigration(empty, await generateSQLiteDrizzleJson(schema));
    const written = files.map((name) => readFileSync(`migrations/${name}`, 'utf8'));
    expect(wanted.length).toBeGreaterThan(3);
    expect(shape(written)).toEqual(shape(wanted));
  });
});
