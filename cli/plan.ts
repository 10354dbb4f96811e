// `postern plan`: what a policy file would change, in words and over recorded history. Writes nothing.
import { Command } from 'commander';
import { policyChanges, type PolicyChange } from '../core/policy/difference.ts';
import { TOKEN_ALGORITHMS } from '../core/policy/document.ts';
import { parsePolicy } from '../core/policy/parse.ts';
import type { Policy } from '../core/policy/policy.ts';
import { replay } from '../core/policy/replay.ts';
import { compilePolicy } from '../core/policy/rule.ts';
import { CliError, EXIT } from './failure.ts';
import { recordedActions } from './history.ts';
import { DEFAULT_FILE, maskNotes, readPolicyFile, type PolicyFile } from './policy-file.ts';
import { printable } from './problem.ts';
import { activeRevision, type RevisionWithDocument } from './revisions.ts';
import {
  openDatabase,
  placeOf,
  placeOptions,
  type Database,
  type PlaceFlags,
} from './wrangler-d1.ts';

export interface Plan {
  readonly active: RevisionWithDocument | null;
  /** Same document: applying would change nothing. */
  readonly unchanged: boolean;
  readonly lines: readonly string[];
}

const DEFAULT_HISTORY = 2000;
const MAX_FLIPS = 20;
const SIGN = { added: '+', removed: '-', changed: '~' } as const;

/** `development` is how the place it is applied to will read the file. */
export async function makePlan(
  database: Database,
  file: PolicyFile,
  options: { readonly development: boolean; readonly history: number },
): Promise<Plan> {
  const active = await activeRevision(database);
  if (active?.hash === file.hash) {
    return {
      active,
      unchanged: true,
      lines: [`Revision ${active.revision} is this very document.`],
    };
  }
  const before = active === null ? null : parsePolicy(active.document, options);
  const lines: string[] = [];
  if (active === null) lines.push('No policy has been applied yet: this would be revision 1.');
  else lines.push(`Against revision ${active.revision} (${active.hash.slice(0, 12)}):`);
  if (before !== null && !before.ok) {
    // An old revision may use what this version refuses; what it did cannot be compared then.
    lines.push(
      `Revision ${active?.revision ?? 0} is not valid for this version and allows nothing.`,
    );
  }
  const old = before?.ok === true ? before.value : null;
  const changes = policyChanges(old, file.policy);
  lines.push(...changes.flatMap(changeLines));
  if (changes.length === 0)
    lines.push('  Nothing changes but the text: comments, order or layout.');
  if (changes.some(({ section }) => section === 'mask')) lines.push(...maskNotes(file.policy));
  if (old !== null && options.history > 0 && changes.length > 0) {
    lines.push('', ...(await historyLines(database, old, file.policy, options.history)));
  }
  return { active, unchanged: false, lines };
}

/** What an entry has when its author wrote nothing; listing it would hide what was written. */
const DEFAULTS: readonly string[] = [
  `algorithms: ${JSON.stringify(TOKEN_ALGORITHMS)}`,
  'subject: "claims.sub"',
  'maxAgeSeconds: 3600',
  'clockSkewSeconds: 30',
  'access: "read-write"',
  'record: "statements"',
  'state: "enforce"',
  'predicates: "equality"',
];

function changeLines({ section, id, kind, fields }: PolicyChange): string[] {
  return [
    `  ${SIGN[kind]} ${section} ${id}`,
    ...fields.flatMap(({ field, before, after }) => {
      const values =
        kind === 'changed'
          ? `${before ?? '(not set)'} → ${after ?? '(not set)'}`
          : (after ?? before ?? '');
      const line = `${field}: ${values}`;
      return kind !== 'changed' && DEFAULTS.includes(line) ? [] : [`      ${printable(line)}`];
    }),
  ];
}

async function historyLines(
  database: Database,
  before: Policy,
  after: Policy,
  limit: number,
): Promise<string[]> {
  const actions = await recordedActions(database, limit);
  if (actions.length === 0) return ['No recorded actions to compare over.'];
  const result = replay(compilePolicy(before, 0), compilePolicy(after, 0), actions);
  const total = result.flips.reduce((sum, { count }) => sum + count, 0);
  const undecided =
    result.undecided === 0 ? '' : `; ${result.undecided} depend on claims, which are not recorded`;
  const head = `Over the last ${result.actions} recorded actions, ${total} would be decided otherwise${undecided}.`;
  const flips = result.flips.slice(0, MAX_FLIPS).map((flip) => {
    const example = flip.example.replaceAll(/\s+/g, ' ').slice(0, 80);
    const what = `${flip.verbs} at ${flip.target} by ${flip.principalId}: ${example}`;
    return `  ${flip.before} → ${flip.after}  ${flip.count} ×  ${printable(what)}`;
  });
  const more = result.flips.length - flips.length;
  return [head, ...flips, ...(more > 0 ? [`  … and ${more} more kinds`] : [])];
}

/** @throws CliError usage, for anything but a whole number from 0 to 10000 */
export function historyLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_HISTORY;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 10_000) return Number(text);
  throw new CliError(EXIT.usage, '--history takes a whole number from 0 to 10000.');
}

interface PlanFlags extends PlaceFlags {
  readonly file: string;
  readonly history?: string;
}

export function planCommand(): Command {
  return placeOptions(new Command('plan'))
    .description('show what a policy file would change; changes nothing')
    .option('-f, --file <file>', 'the policy file', DEFAULT_FILE)
    .option('--history <n>', `recorded actions to compare over; default: ${DEFAULT_HISTORY}`)
    .action(async (flags: PlanFlags) => {
      const place = placeOf(flags);
      const development = !place.remote;
      const file = readPolicyFile(flags.file, { development });
      const history = historyLimit(flags.history);
      const { lines } = await makePlan(openDatabase(place), file, { development, history });
      console.log(lines.join('\n'));
    });
}
