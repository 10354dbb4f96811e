// `postern targets`, and what other commands must know of a target: GET /v1/targets.
import { Command } from 'commander';
import { z } from 'zod';
import { CliError, EXIT } from './failure.ts';
import { requestJson } from './gateway.ts';
import { printable } from './problem.ts';

const targetSchema = z.object({
  id: z.string(),
  kind: z.string(),
  database: z.string().nullish(),
  labels: z.record(z.string(), z.string()).default({}),
  /** The gateway's summary of what the caller may do there. */
  access: z.unknown().optional(),
  /** `approve`: opening a session asks a human first. */
  connect: z.string().optional(),
});

export type ReachableTarget = z.infer<typeof targetSchema>;

export async function listTargets(): Promise<readonly ReachableTarget[]> {
  const parsed = z
    .object({ targets: z.array(targetSchema) })
    .safeParse(await requestJson('/v1/targets'));
  if (!parsed.success) {
    throw new CliError(
      EXIT.failed,
      'The gateway’s list of targets is not understood.',
      'Is this postern older than the gateway?',
    );
  }
  return parsed.data.targets;
}

/** @throws CliError refused, when the caller cannot reach such a target; usage, when it is of another kind */
export async function findTarget(id: string, kind: string): Promise<ReachableTarget> {
  const targets = await listTargets();
  const target = targets.find((target) => target.id === id);
  if (!target) {
    const ids = targets.filter((target) => target.kind === kind).map((target) => target.id);
    throw new CliError(
      EXIT.refused,
      `You can reach no target «${id}».`,
      ids.length === 0
        ? 'You can reach none of this kind.'
        : `You can reach: ${printable(ids.join(', '))}`,
    );
  }
  if (target.kind !== kind) {
    throw new CliError(
      EXIT.usage,
      `The target «${id}» is of kind ${printable(target.kind)}, not ${kind}.`,
    );
  }
  return target;
}

export function targetsCommand(): Command {
  return new Command('targets')
    .description('list the targets you can reach')
    .option('--json', 'as JSON')
    .action(async (options: { readonly json?: true }) => {
      const targets = await listTargets();
      if (options.json === true) {
        console.log(JSON.stringify(targets, null, 2));
        return;
      }
      if (targets.length === 0) console.error('You can reach no target.');
      const rows = targets.map((target) => [
        target.id,
        target.kind,
        target.database ?? '-',
        accessText(target),
        Object.entries(target.labels)
          .map(([name, value]) => `${name}=${value}`)
          .join(','),
      ]);
      if (rows.length > 0)
        console.log(table(['TARGET', 'KIND', 'DATABASE', 'ACCESS', 'LABELS'], rows));
    });
}

function accessText({ access, connect }: ReachableTarget): string {
  const text = accessWords(access);
  return connect === 'approve' ? `${text}, after approval` : text;
}

function accessWords(access: unknown): string {
  if (typeof access === 'string') return access;
  if (Array.isArray(access)) return access.map(String).join(',');
  return access === undefined || access === null ? '-' : JSON.stringify(access);
}

/** Columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows.map((row) => row.map(printable))];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
