// `postern suggest-masks <target>`: proposes masks for a Postgres target as YAML, from the names and types of its columns and,
// where asked to, from a few of their values. Reads through the gateway, as the caller; changes nothing.
import { Command, InvalidArgumentError } from 'commander';
import postgres from 'postgres';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { listen } from './listener.ts';
import { printable } from './problem.ts';
import { readColumns } from './suggest-masks-columns.ts';
import { analyzerAddress, namesIn } from './suggest-masks-model.ts';
import { proposeMasks } from './suggest-masks-proposal.ts';
import { findTarget, type ReachableTarget } from './targets.ts';

const MAX_SAMPLE = 10_000;

export function suggestMasksCommand(): Command {
  return new Command('suggest-masks')
    .description('propose masks for a Postgres target, as YAML for postern.yaml')
    .argument('<target>', 'the target’s id')
    .option('--sample <rows>', 'look at the values of that many rows of each table', rowCount, 0)
    .option('--model <url>', 'let a Presidio analyzer look for names in the sampled values')
    .addHelpText(
      'after',
      `
Names and types are looked at in any case. Values never leave this machine, but for the analyzer that --model names, and are
not printed; where masks are in force for you already, what they hide cannot be looked at. The analyzer gets the bearer
token in POSTERN_ANALYZER_TOKEN, if there is one.

Example:
  postern suggest-masks shop-db --sample 200 > masks.yaml`,
    )
    .action(async (id: string, { sample, model }: { sample: number; model?: string }) => {
      const address = model === undefined ? null : analyzerAddress(model);
      if (address !== null && sample === 0) {
        throw new CliError(EXIT.usage, '--model looks at sampled values: add --sample.');
      }
      const target = await findTarget(id, 'postgres');
      const progress = (line: string) => console.error(printable(`${id}: ${line}`));
      const columns = await connected(target, progress, (sql) =>
        readColumns(sql, { sample, progress }),
      );
      const how =
        sample === 0
          ? 'names and types of columns'
          : `names, types and ${sample} rows of each table`;
      console.log(
        `# Proposed by \`postern suggest-masks\` from ${how}: a start to be read, not a promise that nothing is missing.`,
      );
      console.log('# What each kind of mask does, and which keep joins working: docs/masking.md.');
      const asked = address === null ? null : { address, names: await namesIn(columns, address) };
      process.stdout.write(proposeMasks(id, columns, asked));
    });
}

function rowCount(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= MAX_SAMPLE) return Number(text);
  throw new InvalidArgumentError(`It is a whole number from 0 to ${MAX_SAMPLE}.`);
}

async function connected<T>(
  target: ReachableTarget,
  progress: (line: string) => void,
  use: (sql: ReturnType<typeof postgres>) => Promise<T>,
): Promise<T> {
  const listener = await listen({
    target: target.id,
    host: '127.0.0.1',
    port: 0,
    anyUser: false,
    log: progress,
  });
  const sql = postgres({
    host: listener.host,
    port: listener.port,
    user: 'postern',
    database: target.database ?? target.id,
    max: 1,
    ssl: false,
    // A rule may ask a human before it lets the connection through.
    connect_timeout: 0,
    fetch_types: false,
    onnotice: ({ message }) => progress(message ?? ''),
    connection: { application_name: 'postern suggest-masks' },
  });
  try {
    return await use(sql);
  } catch (error) {
    throw failure(target.id, error);
  } finally {
    await sql.end({ timeout: 1 });
    await listener.close();
  }
}

/** SQLSTATE 42501 is what the gateway refuses with. */
function failure(id: string, error: unknown): CliError {
  if (error instanceof postgres.PostgresError) {
    const exit = error.code === '42501' ? EXIT.refused : EXIT.failed;
    const message = `${id} answered: ${printable(error.message)}`;
    return new CliError(exit, message, printable(error.hint ?? ''));
  }
  return new CliError(EXIT.failed, `${id} cannot be read: ${printable(reasonOf(error))}.`);
}
