// Stands in for psql where it is not installed: runs each argument as one simple query on one connection, set up by the
// PG* variables, and prints what comes back. Exit code 1 when the last statement failed, as psql has it.
import { Client, DatabaseError } from 'pg';
import { say } from '../output.ts';

const client = new Client();
await client.connect();
let failed = false;
for (const sql of process.argv.slice(2)) {
  try {
    const { command, rowCount, rows } = await client.query<Record<string, unknown>>(sql);
    for (const row of rows) say(Object.values(row).map(String).join(' | '));
    say(`${command} ${rowCount ?? ''}`);
    failed = false;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    say(`ERROR:  ${error.message}`);
    if (error.detail !== undefined) say(`DETAIL:  ${error.detail}`);
    if (error.hint !== undefined) say(`HINT:  ${error.hint}`);
    failed = true;
  }
}
await client.end();
process.exitCode = failed ? 1 : 0;
