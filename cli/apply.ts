// `postern apply`: checks the file, shows the plan, appends a revision. Live sessions follow within seconds.
import { Command, Option } from 'commander';
import { parsePolicy } from '../core/policy/parse.ts';
import { formatProblem } from '../core/policy/problem.ts';
import { CliError, EXIT } from './failure.ts';
import { historyLimit, makePlan } from './plan.ts';
import { DEFAULT_FILE, readPolicyFile, type PolicyFile } from './policy-file.ts';
import { appendRevision, revisionNumber, revisionNumbered } from './revisions.ts';
import {
  openDatabase,
  placeOf,
  placeOptions,
  type Database,
  type PlaceFlags,
} from './wrangler-d1.ts';

interface ApplyFlags extends PlaceFlags {
  readonly file: string;
  readonly revision?: string;
  readonly note: string;
  readonly history?: string;
}

const MAX_NOTE_CHARS = 500;

export function applyCommand(): Command {
  return placeOptions(new Command('apply'))
    .description('put a policy file in force, as a new revision')
    .option('-f, --file <file>', 'the policy file', DEFAULT_FILE)
    .addOption(
      new Option('--revision <n>', 'roll back: append the document of revision n again').conflicts(
        'file',
      ),
    )
    .option('--note <text>', 'why, for the list of revisions', '')
    .option('--history <n>', 'recorded actions to compare over')
    .action(async (flags: ApplyFlags) => {
      const place = placeOf(flags);
      const development = !place.remote;
      const history = historyLimit(flags.history);
      if (flags.note.length > MAX_NOTE_CHARS || /\p{Cc}/u.test(flags.note)) {
        throw new CliError(
          EXIT.usage,
          `--note takes one line of at most ${MAX_NOTE_CHARS} characters.`,
        );
      }
      const database = openDatabase(place);
      const rollback = flags.revision === undefined ? null : revisionNumber(flags.revision);
      const file =
        rollback === null
          ? readPolicyFile(flags.file, { development })
          : await oldRevision(database, rollback, development);
      const plan = await makePlan(database, file, { development, history });
      console.log(plan.lines.join('\n'));
      if (plan.unchanged) return;
      const note = flags.note !== '' || rollback === null ? flags.note : `rollback to ${rollback}`;
      const revision = await appendRevision(
        database,
        file.document,
        plan.active?.revision ?? 0,
        note,
      );
      console.log(`\nApplied revision ${revision} (${file.hash.slice(0, 12)}).`);
    });
}

/** What was valid once may not be valid for this version; the gateway would then refuse everything. */
async function oldRevision(
  database: Database,
  revision: number,
  development: boolean,
): Promise<PolicyFile> {
  const { document, hash } = await revisionNumbered(database, revision);
  const parsed = parsePolicy(document, { development });
  if (parsed.ok) return { document, hash, policy: parsed.value };
  const lines = parsed.error.map((problem) => formatProblem(`revision ${revision}`, problem));
  throw new CliError(
    EXIT.failed,
    `revision ${revision} is not valid for this version\n${lines.join('\n')}`,
  );
}
