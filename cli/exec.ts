// `postern exec <target> -- command…`: runs one command with a port of its own to a Postgres target, set up through the
// environment variables that libpq and most drivers read, and ends as the command ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Command } from 'commander';
import { returnGrant } from './approvals-gateway.ts';
import { CliError, EXIT } from './failure.ts';
import { hasCode } from './file-lock.ts';
import { obtainGrant } from './grant-wait.ts';
import { type Listener, listen } from './listener.ts';
import { watchParent } from './orphan.ts';
import { accessSeconds } from './request.ts';
import { type ReachableTarget, findTarget } from './targets.ts';
import { currentToken } from './token-source.ts';
import { unverifiedClaims } from './token.ts';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

/** What would send libpq elsewhere, or make it refuse an unencrypted connection over loopback (manual, section 34.15). */
const MISLEADING = [
  'PGHOSTADDR',
  'PGSERVICE',
  'PGSERVICEFILE',
  'PGPASSWORD',
  'PGPASSFILE',
  'PGREQUIRESSL',
  'PGREQUIREAUTH',
  'PGREQUIREPEER',
  'PGCHANNELBINDING',
  'PGSSLNEGOTIATION',
  'PGGSSENCMODE',
  'PGTARGETSESSIONATTRS',
  'PGLOADBALANCEHOSTS',
];

export function execCommand(): Command {
  return new Command('exec')
    .description('run a command with PGHOST, PGPORT and the like set to a Postgres target')
    .argument('<target>', 'the target’s id')
    .argument('<command...>', 'after --, the command and its arguments')
    .addHelpText('after', '\nExample:\n  postern exec shop-db -- psql -c "select now()"')
    .option(
      '--any-user',
      'serve commands that run as another user; every user of this machine then can',
    )
    .option(
      '--for <time>',
      'ask people for access first, and give it back at the end',
      accessSeconds,
    )
    .option('--reason <text>', 'what for; those who approve read it')
    .action(async (id: string, command: readonly string[], options: ExecOptions) => {
      const run = () => exec(id, command, options.anyUser === true);
      process.exitCode = options.for === undefined ? await run() : await granted(id, options, run);
    });
}

interface ExecOptions {
  readonly anyUser?: true;
  readonly for?: number;
  readonly reason?: string;
}

/** Access for as long as the command runs, and no longer: it is given back whatever becomes of the command. */
async function granted(
  id: string,
  { for: length = 0, reason = '' }: ExecOptions,
  run: () => Promise<number>,
): Promise<number> {
  if (reason.trim() === '') {
    const example = `postern exec ${id} --for 10m --reason “…” -- ./migrate.sh`;
    throw new CliError(EXIT.usage, 'Access is asked for with a reason.', example);
  }
  const grant = await obtainGrant(id, length, reason);
  try {
    return await run();
  } finally {
    await returnGrant(grant.id);
  }
}

/** The command's exit code; 128 + n when signal n ended it, 126 and 127 as a shell has them when it could not start. */
async function exec(
  id: string,
  [program = '', ...args]: readonly string[],
  anyUser: boolean,
): Promise<number> {
  const target = await findTarget(id, 'postgres');
  const { token } = await currentToken();
  const listener = await listen({
    target: id,
    host: '127.0.0.1',
    port: 0,
    anyUser,
    log: (line) => console.error(line),
  });
  try {
    const child = spawn(program, args, {
      stdio: 'inherit',
      env: childEnvironment(target, listener, token),
    });
    return await ended(child, program);
  } finally {
    await listener.close();
  }
}

/** Exported for tests: the environment the command sees. */
export function childEnvironment(
  target: ReachableTarget,
  { host, port }: Pick<Listener, 'host' | 'port'>,
  token: string,
): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of MISLEADING) delete env[name];
  const user = userName(token);
  const database = target.database ?? target.id;
  return {
    ...env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGSSLMODE: 'disable',
    POSTERN_TARGET: target.id,
    // For what reads URLs only (Prisma, Rails): DATABASE_URL=$POSTERN_DATABASE_URL.
    POSTERN_DATABASE_URL: `postgresql://${encodeURIComponent(user)}@${host}:${port}/${encodeURIComponent(database)}?sslmode=disable`,
  };
}

/** For prompts and logs on this side: the gateway logs in to the target as whom it likes. */
function userName(token: string): string {
  const claims = unverifiedClaims(token);
  for (const claim of ['preferred_username', 'email', 'sub']) {
    const value = claims?.[claim];
    if (typeof value === 'string' && /^[\w.@:/+-]{1,63}$/.test(value)) return value;
  }
  return 'postern';
}

async function ended(child: ChildProcess, program: string): Promise<number> {
  const stop = forwardSignals(child);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', (error) => {
        const missing = hasCode(error, 'ENOENT');
        console.error(`postern: ${program}: ${missing ? 'command not found' : 'cannot be run'}`);
        if (missing || hasCode(error, 'EACCES')) resolve(missing ? 127 : 126);
        else reject(new CliError(EXIT.failed, `${program} cannot be started: ${error.message}.`));
      });
      child.on('exit', (code, signal) => {
        resolve(signal ? 128 + constants.signals[signal] : (code ?? EXIT.failed));
      });
    });
  } finally {
    stop();
  }
}

/** The command decides what a signal means; this process ends when the command does. */
function forwardSignals(child: ChildProcess): () => void {
  const forward = (signal: NodeJS.Signals): void => {
    // A terminal sends SIGINT and SIGQUIT to the command as well; a second one would often mean «at once».
    const fromTerminal = process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT');
    if (!fromTerminal) child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  const stopWatching = watchParent(() => forward('SIGTERM'));
  return () => {
    stopWatching();
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}
