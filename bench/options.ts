// The command line of `npm run bench`.
import { Command, Option } from 'commander';

export const GROUPS = [
  'round-trip',
  'rows',
  'http',
  'facts',
  'lineage',
  'decision',
  'engine',
  'masking',
  'detection',
  'journal',
  'idle',
  'approvals',
  'bundle',
  'cost',
] as const;

export type GroupName = (typeof GROUPS)[number];

export interface Options {
  readonly only: readonly GroupName[];
  readonly quick: boolean;
  readonly strict: boolean;
  readonly writeDocs: boolean;
}

interface Flags {
  only?: GroupName[];
  quick?: true;
  strict?: true;
  writeDocs?: true;
}

export function readOptions(argv: readonly string[]): Options {
  const command = new Command('npm run bench --')
    .description(
      'Measures the gateway on this machine against its budgets; some minutes, loopback only.',
    )
    .addOption(new Option('--only <name...>', 'measure these groups only').choices(GROUPS))
    .option('--quick', 'fewer and shorter rounds: a look, not a verdict')
    .option('--strict', 'end with 1 when a budget is missed')
    .option('--write-docs', 'write docs/bench.md')
    .allowExcessArguments(false);
  command.parse(argv, { from: 'user' });
  const flags = command.opts<Flags>();
  return {
    only: flags.only ?? GROUPS,
    quick: flags.quick === true,
    strict: flags.strict === true,
    writeDocs: flags.writeDocs === true,
  };
}
