// Which Postgres client the tour uses: the real psql where there is one, else the `pg` driver, and then it says so.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Client {
  readonly name: string;
  /** Set when this is not psql. */
  readonly apology: string | null;
  /** The words after `postern exec <target> --` that run these statements one after the other in one connection. */
  command(statements: readonly string[]): readonly string[];
}

const psql: Client = {
  name: 'psql',
  apology: null,
  command: (statements) => ['psql', '-X', ...statements.flatMap((sql) => ['-c', sql])],
};

const driver: Client = {
  name: 'the pg driver',
  apology:
    'psql is not installed, so the pg driver stands in for it. The real thing: apt-get install postgresql-client',
  command: (statements) => ['node', 'dev/tour/statements.ts', ...statements],
};

export function findClient(): Client {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => isExecutable(join(folder, 'psql'))) ? psql : driver;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
