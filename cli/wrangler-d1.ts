// Reads and writes the gateway's D1 database through wrangler, which holds the operator's login: whoever may deploy may
// apply a policy, and the gateway needs no admin API. No shell: arguments are a list, and what is written comes as a file.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option, type Command } from 'commander';
import { CliError, EXIT } from './failure.ts';

/** Where the database is: Cloudflare's, or the one of a local stack. */
export interface Place {
  readonly remote: boolean;
  /** Named environment of wrangler.toml; null: the top level. */
  readonly environment: string | null;
  /** State folder of the local stack, as `npm run dev -- --state` has it. */
  readonly state: string;
}

export interface Database {
  /** `sql` holds no outside text. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  write(sql: string): Promise<void>;
}

/** wrangler answers within seconds; a login prompt would wait for ever. */
const TIMEOUT_MS = 120_000;
const BINDING = 'DB';
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

export function placeOptions(command: Command): Command {
  return command
    .addOption(new Option('--local', 'the local stack').conflicts('remote'))
    .addOption(new Option('--remote', 'the deployed gateway').conflicts('local'))
    .option('--env <name>', 'named environment of wrangler.toml')
    .option('--state <dir>', 'state folder of the local stack', '.postern');
}

export interface PlaceFlags {
  readonly local?: true;
  readonly remote?: true;
  readonly env?: string;
  readonly state: string;
}

/** Neither is the default: a policy applied to the wrong place is a wrong policy. */
export function placeOf({ local, remote, env, state }: PlaceFlags): Place {
  if (local === undefined && remote === undefined) {
    throw new CliError(EXIT.usage, 'Say where: --local or --remote.');
  }
  return { remote: remote === true, environment: env ?? null, state: resolve(state) };
}

export function openDatabase(place: Place): Database {
  const where = [
    '--config',
    join(ROOT, 'wrangler.toml'),
    ...(place.environment === null ? [] : ['--env', place.environment]),
    ...(place.remote ? ['--remote'] : ['--local', '--persist-to', place.state]),
  ];
  const execute = (...args: string[]) =>
    wrangler(['d1', 'execute', BINDING, ...where, '--json', '--yes', ...args]);
  return {
    async query(sql) {
      const output = await execute('--command', sql);
      return resultRows(output);
    },
    async write(sql) {
      const folder = mkdtempSync(join(tmpdir(), 'postern-'));
      try {
        const file = join(folder, 'write.sql');
        writeFileSync(file, sql, { mode: 0o600 });
        await execute('--file', file);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** A string as an SQL literal. SQLite has no escapes but the doubled quote; NUL would end the statement early. */
export function sqlText(value: string): string {
  if (value.includes('\0')) throw new Error('NUL in an SQL literal');
  return `'${value.replaceAll("'", "''")}'`;
}

async function wrangler(args: readonly string[]): Promise<string> {
  const script = join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js');
  const child = spawn(process.execPath, [script, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    env: {
      ...process.env,
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      NO_COLOR: '1',
    },
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise<number | null>((done, failed) => {
    child.on('error', failed);
    child.on('close', done);
  });
  const text = Buffer.concat(output).toString('utf8');
  if (code === 0) return text;
  const reason = errorText(text) ?? lastLine(Buffer.concat(errors).toString('utf8'));
  throw new WranglerFailure(reason);
}

/** wrangler said no; `message` is its own sentence. */
export class WranglerFailure extends CliError {
  constructor(reason: string) {
    super(EXIT.failed, `wrangler could not reach the database: ${reason}`, hintFor(reason));
  }
}

function hintFor(reason: string): string {
  if (/no such table/i.test(reason)) {
    return 'Create the tables first: npx wrangler d1 migrations apply DB (--local --persist-to <state>, or --remote).';
  }
  return /auth|token|log ?in/i.test(reason) ? 'Log in with: npx wrangler login' : '';
}

/** With --json, wrangler prints `{"error": {"text"}}` on its standard output. */
function errorText(output: string): string | null {
  const parsed = parseJson(output);
  if (!isRecord(parsed) || !isRecord(parsed['error'])) return null;
  const { text } = parsed['error'];
  return typeof text === 'string' ? text : null;
}

function resultRows(output: string): readonly Record<string, unknown>[] {
  const parsed = parseJson(output);
  const first: unknown = Array.isArray(parsed) ? parsed[0] : undefined;
  const rows = isRecord(first) ? first['results'] : undefined;
  if (!Array.isArray(rows)) throw new WranglerFailure('its answer is not understood');
  return rows.filter(isRecord);
}

/** wrangler may print a notice before its JSON. */
function parseJson(output: string): unknown {
  const start = output.search(/^[[{]/m);
  if (start === -1) return null;
  try {
    return JSON.parse(output.slice(start)) as unknown;
  } catch {
    return null;
  }
}

function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.findLast((line) => line !== '') ?? 'it ended without a reason';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
