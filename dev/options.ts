// The command line of `npm run dev` and `npm run demo`.
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';

export interface Options {
  /** The caller's own postern.yaml; null: the demo's. */
  readonly config: string | null;
  readonly secrets: string | null;
  /** 0: any free port. */
  readonly port: number;
  readonly state: string;
  /** Whether what an earlier run left in the state folder is removed. */
  readonly fresh: boolean;
  /** Whether the shop database and its tunnel run. */
  readonly shop: boolean;
  readonly tour: Tour | null;
}

/** The guided tour of `npm run demo`. */
export interface Tour {
  /** End the stack after the tour, with the tour's verdict as exit code. */
  readonly exit: boolean;
  /** Never wait for a human. */
  readonly auto: boolean;
}

const DEFAULT_PORT = 8787;

interface Flags {
  config?: string;
  secrets?: string;
  port?: number;
  state?: string;
  demo: boolean;
  tour?: boolean;
  exit?: boolean;
  auto?: boolean;
}

export function readOptions(argv: readonly string[]): Options {
  const command = new Command('npm run dev --')
    .description('Runs a whole Postern on this machine: gateway, OIDC issuer and a shop database.')
    .option('--config <file>', 'a postern.yaml of your own instead of the demo policy')
    .option('--secrets <file>', 'NAME=value pairs (dotenv, .json or .yaml) the policy refers to')
    .option(
      '--port <port>',
      `gateway's port on 127.0.0.1; 0: any free one (default: ${DEFAULT_PORT})`,
      port,
    )
    .option('--state <dir>', 'folder for databases, keys and recordings (default: .postern)')
    .option('--no-demo', 'leave out the shop database and its tunnel')
    .option('--exit', 'tour only: end after it, with exit code 0 if every step held')
    .option('--auto', 'tour only: never wait for a human')
    // `npm run demo` gives it: --demo itself is taken by --no-demo, whose opposite it is.
    .addOption(new Option('--tour').hideHelp())
    .addHelpText(
      'after',
      `
The issuer listens on the port after the gateway's where that is free. When everything answers, <state>/ready.json
says where: {"gateway": …, "issuer": …, "pid": …}. A token: npx postern dev token --sub me --groups agents`,
    )
    .allowExcessArguments(false);
  command.parse(argv, { from: 'user' });
  const flags = command.opts<Flags>();
  const tour =
    flags.tour === true ? { exit: flags.exit === true, auto: flags.auto === true } : null;
  if (tour === null && (flags.exit === true || flags.auto === true)) {
    command.error('error: --exit and --auto belong to `npm run demo`');
  }
  if (tour !== null && (!flags.demo || flags.config !== undefined)) {
    command.error('error: the tour needs the demo policy and the shop database');
  }
  return {
    config: flags.config === undefined ? null : resolve(flags.config),
    secrets: flags.secrets === undefined ? null : resolve(flags.secrets),
    port: flags.port ?? (tour === null ? DEFAULT_PORT : 0),
    state: resolve(flags.state ?? (tour === null ? '.postern' : '.postern-demo')),
    // The tour asserts what the database holds. A folder somebody named is theirs, and stays.
    fresh: tour !== null && flags.state === undefined,
    shop: flags.demo,
    tour,
  };
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new InvalidArgumentError('It must be 0 to 65535.');
  }
  return Number(text);
}
