// Policy revisions as the operator sees them. The table is append-only: rolling back appends an old document again.
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { z } from 'zod';
import { CliError, EXIT } from './failure.ts';
import { hashOf } from './policy-file.ts';
import { printable } from './problem.ts';
import {
  openDatabase,
  placeOf,
  placeOptions,
  sqlText,
  WranglerFailure,
  type Database,
  type PlaceFlags,
} from './wrangler-d1.ts';

const revisionSchema = z.object({
  revision: z.int(),
  hash: z.string(),
  applied_at: z.number(),
  applied_by: z.string(),
  note: z.string(),
});
const documentSchema = revisionSchema.extend({ document: z.string() });

export type Revision = z.infer<typeof revisionSchema>;
export type RevisionWithDocument = z.infer<typeof documentSchema>;

const COLUMNS = 'revision, hash, applied_at, applied_by, note';

/** The active revision; null when nothing was applied yet. */
export async function activeRevision(database: Database): Promise<RevisionWithDocument | null> {
  const rows = await database.query(
    `SELECT ${COLUMNS}, document FROM policy_revisions ORDER BY revision DESC LIMIT 1`,
  );
  return rows[0] === undefined ? null : documentSchema.parse(rows[0]);
}

/** @throws CliError usage, when there is no such revision; failed, when it is not what was once applied */
export async function revisionNumbered(
  database: Database,
  revision: number,
): Promise<RevisionWithDocument> {
  const rows = await database.query(
    `SELECT ${COLUMNS}, document FROM policy_revisions WHERE revision = ${Math.trunc(revision)}`,
  );
  if (rows[0] === undefined) throw new CliError(EXIT.usage, `There is no revision ${revision}.`);
  const found = documentSchema.parse(rows[0]);
  if (hashOf(found.document) !== found.hash) {
    throw new CliError(EXIT.failed, `Revision ${revision} does not match its hash.`);
  }
  return found;
}

/**
 * Appends a revision after `previous`. The number is the primary key: of two operators who saw the same active revision,
 * one is refused.
 */
export async function appendRevision(
  database: Database,
  document: string,
  previous: number,
  note: string,
): Promise<number> {
  const revision = previous + 1;
  const values = [
    String(revision),
    sqlText(hashOf(document)),
    sqlText(document),
    String(Date.now()),
    sqlText(operator()),
    sqlText(note),
  ];
  try {
    await database.write(
      `INSERT INTO policy_revisions (revision, hash, document, applied_at, applied_by, note)\nVALUES (${values.join(', ')});\n`,
    );
  } catch (error) {
    if (error instanceof WranglerFailure && /UNIQUE|constraint/i.test(error.message)) {
      throw new CliError(
        EXIT.failed,
        `Somebody else has applied revision ${revision} meanwhile; nothing was changed.`,
        'Run postern plan again.',
      );
    }
    throw error;
  }
  const written = await revisionNumbered(database, revision);
  if (written.hash !== hashOf(document)) {
    throw new CliError(EXIT.failed, `Revision ${revision} is not the one that was written.`);
  }
  return revision;
}

/** For the record, not for permission: whoever can write to the database can write this. */
function operator(): string {
  const { GITHUB_ACTOR, GITHUB_REPOSITORY, GITLAB_USER_LOGIN, CI_PROJECT_PATH } = process.env;
  if (GITHUB_ACTOR !== undefined) return `${GITHUB_ACTOR} (GitHub, ${GITHUB_REPOSITORY ?? ''})`;
  if (GITLAB_USER_LOGIN !== undefined)
    return `${GITLAB_USER_LOGIN} (GitLab, ${CI_PROJECT_PATH ?? ''})`;
  return userInfo().username;
}

export function revisionsCommand(): Command {
  return placeOptions(new Command('revisions'))
    .description('list the policy revisions, newest first')
    .option('--show <revision>', 'print the document of one revision')
    .option('--json', 'as JSON')
    .action(async (flags: PlaceFlags & { show?: string; json?: true }) => {
      const database = openDatabase(placeOf(flags));
      if (flags.show !== undefined) {
        const { document } = await revisionNumbered(database, revisionNumber(flags.show));
        process.stdout.write(document);
        return;
      }
      const rows = await database.query(
        `SELECT ${COLUMNS} FROM policy_revisions ORDER BY revision DESC LIMIT 100`,
      );
      const revisions = rows.map((row) => revisionSchema.parse(row));
      if (flags.json === true) return console.log(JSON.stringify(revisions, null, 2));
      if (revisions.length === 0) console.error('No policy has been applied.');
      for (const [index, { revision, hash, applied_at, applied_by, note }] of revisions.entries()) {
        const at = new Date(applied_at).toISOString();
        const line = `${revision}  ${at}  ${hash.slice(0, 12)}  ${applied_by}  ${note}`;
        console.log(`${index === 0 ? '*' : ' '} ${printable(line)}`);
      }
    });
}

/** @throws CliError usage, for anything but a positive whole number */
export function revisionNumber(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new CliError(EXIT.usage, `"${printable(text)}" is no revision.`);
}
