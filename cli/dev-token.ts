// `postern dev token`: a token of the development stack's issuer for any subject and groups. Works only where such a stack
// runs, with the key in its state folder; a real gateway's issuers are not reachable this way.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { durationSeconds } from '../core/policy/duration.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';

const MAX_TTL_SECONDS = 86_400;

/** Written by dev/issuer/server.ts. */
const mintFile = z.object({ workload: z.url(), human: z.url(), key: z.string().min(1) });

interface TokenOptions {
  readonly sub: string;
  readonly groups: readonly string[];
  readonly ttl: number;
  readonly issuer: 'workload' | 'human';
  readonly audience?: string;
  readonly state: string;
}

export function devCommand(): Command {
  return new Command('dev')
    .description('helpers for the development stack (npm run dev)')
    .addCommand(devTokenCommand());
}

function devTokenCommand(): Command {
  return new Command('token')
    .description('print a token of the development issuer')
    .requiredOption('--sub <subject>', 'who the token is for')
    .option('--groups <a,b>', 'group names, separated by commas', list, [])
    .option('--ttl <duration>', 'how long it is valid: 30s, 10m, 1h', ttl, 600)
    .addOption(
      new Option('--issuer <kind>', 'which of the two issuers vouches for it')
        .choices(['workload', 'human'])
        .default('workload'),
    )
    .option('--audience <aud>', 'another audience than the one the gateway expects')
    .option('--state <dir>', 'state folder of the stack', '.postern')
    .action(async (options: TokenOptions) => {
      process.stdout.write(`${await mint(options)}\n`);
    });
}

async function mint(options: TokenOptions): Promise<string> {
  const { sub, groups, issuer, audience } = options;
  const access = readMint(options.state);
  let response: Response;
  try {
    response = await fetch(`${access[issuer]}/dev/mint`, {
      method: 'POST',
      redirect: 'error',
      headers: { authorization: `Bearer ${access.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ subject: sub, groups, ttlSeconds: options.ttl, audience }),
    });
  } catch (error) {
    throw new CliError(
      EXIT.failed,
      `The development issuer cannot be reached: ${reasonOf(error)}.`,
    );
  }
  if (!response.ok) {
    throw new CliError(EXIT.failed, `The development issuer answered ${response.status}.`);
  }
  return (await response.text()).trim();
}

function readMint(state: string): z.infer<typeof mintFile> {
  if (!existsSync(join(state, 'ready.json'))) {
    throw new CliError(
      EXIT.usage,
      `No development stack is running in ${state}.`,
      'Start one with `npm run dev`, or give its folder with --state.',
    );
  }
  try {
    return mintFile.parse(JSON.parse(readFileSync(join(state, 'mint.json'), 'utf8')));
  } catch (error) {
    throw new CliError(
      EXIT.failed,
      `${join(state, 'mint.json')} cannot be used: ${reasonOf(error)}.`,
    );
  }
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function ttl(text: string): number {
  const seconds = durationSeconds(text);
  if (seconds === null || seconds < 1 || seconds > MAX_TTL_SECONDS) {
    throw new InvalidArgumentError('It must be like 30s, 10m or 1h, and at most 24h.');
  }
  return seconds;
}
