// `postern connect <target>`: a local port for any Postgres client, until it is interrupted.
import { Command, InvalidArgumentError } from 'commander';
import { CliError, EXIT } from './failure.ts';
import { watchParent } from './orphan.ts';
import { type Listener, type ListenerOptions, listen } from './listener.ts';
import { isLoopback } from './settings.ts';
import { type ReachableTarget, findTarget } from './targets.ts';

/** Not 5432: a Postgres of this machine's own may live there, and mistaking one for the other must be hard. */
const USUAL_PORT = 5433;

interface ConnectOptions {
  readonly port?: number;
  readonly host: string;
  readonly anyUser?: true;
}

export function connectCommand(): Command {
  return new Command('connect')
    .description('open a local port to a Postgres target')
    .argument('<target>', 'the target’s id')
    .option(
      '--port <number>',
      `local port; 0 for any free one (default: ${USUAL_PORT}, or a free one)`,
      portNumber,
    )
    .option('--host <address>', 'local address to listen on', '127.0.0.1')
    .option('--any-user', 'serve every user of this machine, who then use your identity')
    .action(connect);
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('It is not a port.');
  return port;
}

async function connect(id: string, options: ConnectOptions): Promise<void> {
  const target = await findTarget(id, 'postgres');
  if (!isLoopback(options.host)) {
    console.error(
      `Warning: whoever reaches ${options.host} on this port uses your identity, without a password and unencrypted.`,
    );
  }
  const listener = await listenSomewhere(options, {
    target: id,
    host: options.host,
    anyUser: options.anyUser === true,
    log: (line) => console.error(line),
  });
  // Before the line is printed: who reads it may interrupt at once.
  const stop = interrupted();
  const { host, port } = listener;
  const address = host.includes(':') ? `[${host}]` : host;
  console.log(
    `${id} on ${address}:${port}  —  psql "host=${host} port=${port}${databaseOption(target)} sslmode=disable"`,
  );
  await stop;
  await listener.close();
}

/** Part of a line to be pasted into a shell: a name that means anything to one is left out. */
function databaseOption({ database }: ReachableTarget): string {
  return database && /^[\w-]+$/.test(database) ? ` dbname=${database}` : '';
}

async function listenSomewhere(
  { port }: ConnectOptions,
  options: Omit<ListenerOptions, 'port'>,
): Promise<Listener> {
  if (port !== undefined) return listen({ ...options, port });
  try {
    return await listen({ ...options, port: USUAL_PORT });
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.failed) throw error;
    return listen({ ...options, port: 0 }); // the line that is printed says which
  }
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; later ones change nothing, since closing is bounded. */
async function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve());
    }
    watchParent(resolve);
  });
}
