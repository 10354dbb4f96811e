// `postern request <target> --for 30m --reason …`: just-in-time access. Prints the link for those who approve, waits for
// them, and says until when the access lasts. `postern request --return <id>` gives it back early.
import { Command, InvalidArgumentError } from 'commander';
import { visibleLine } from '../core/approval/message.ts';
import { durationSeconds } from '../core/policy/duration.ts';
import { requestGrant, returnGrant, type Grant } from './approvals-gateway.ts';
import { CliError, EXIT } from './failure.ts';
import { obtainGrant } from './grant-wait.ts';

interface RequestOptions {
  readonly for?: number;
  readonly reason?: string;
  readonly return?: string;
  readonly wait: boolean;
  readonly json?: true;
}

export function requestCommand(): Command {
  return new Command('request')
    .description('ask people for access to a target for a while')
    .argument('[target]', 'the target’s id')
    .option('--for <time>', 'how long: 30m, 2h', accessSeconds)
    .option('--reason <text>', 'what for; those who approve read it')
    .option('--no-wait', 'print the link and end')
    .option('--return <id>', 'give this access back, or take the request back')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  postern request shop-db --for 30m --reason "rotate the logs, OPS-12"',
    )
    .action(async (target: string | undefined, options: RequestOptions) => {
      const grant = await act(target, options);
      if (options.json === true) console.log(JSON.stringify(grant, null, 2));
      else say(grant);
    });
}

async function act(target: string | undefined, options: RequestOptions): Promise<Grant> {
  if (options.return !== undefined) return returnGrant(options.return);
  const { for: length, reason = '', wait } = options;
  if (target === undefined || length === undefined || reason.trim() === '') {
    throw new CliError(
      EXIT.usage,
      'A request names a target, a time and a reason.',
      'postern request shop-db --for 30m --reason “…”',
    );
  }
  return wait ? obtainGrant(target, length, reason) : requestGrant(target, length, reason);
}

function say({ id, state, url, endsAt, target }: Grant): void {
  if (state === 'active') {
    console.error(`You have access to ${visibleLine(target)} until ${visibleLine(endsAt ?? '?')}.`);
    console.error(`Give it back early: postern request --return ${visibleLine(id)}`);
  } else if (state === 'pending') {
    console.error(`Asked for: ${visibleLine(url ?? id)}`);
  } else {
    console.error(`The access is ${visibleLine(state)}.`);
  }
}

/** The parser of `--for`: seconds. @throws InvalidArgumentError for less than a minute or anything unreadable */
export function accessSeconds(text: string): number {
  const value = durationSeconds(text);
  if (value === null || value < 60)
    throw new InvalidArgumentError('must be a whole number and s, m, h or d, of a minute at least');
  return value;
}
