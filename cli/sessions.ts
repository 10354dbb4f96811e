// `postern sessions`: who did what through the gateway. list and show read the index; replay, verify and export read the
// recording itself, and verify believes nobody.
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ChainSummary } from '../core/audit/chain.ts';
import { durationSeconds } from '../core/policy/duration.ts';
import { createTeller } from '../core/recording/timeline.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { printable } from './problem.ts';
import { downloadRecording, getSession, killSession, listSessions } from './sessions-gateway.ts';
import { broken, checker, openRecording, verifyRecording } from './sessions-recording.ts';
import { actionLines, sessionLines, sessionsTable } from './sessions-text.ts';

export function sessionsCommand(): Command {
  return new Command('sessions')
    .description('list, replay and verify recorded sessions')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(replayCommand())
    .addCommand(verifyCommand())
    .addCommand(exportCommand())
    .addCommand(killCommand());
}

interface ListOptions {
  readonly principal?: string;
  readonly target?: string;
  readonly decision?: string;
  readonly outcome?: string;
  readonly rule?: string;
  readonly table?: string;
  readonly verb?: string;
  readonly path?: string;
  readonly since?: number;
  readonly open?: true;
  readonly limit: number;
  readonly json?: true;
}

function listCommand(): Command {
  return new Command('list')
    .description('sessions, newest first')
    .option('--principal <id>', 'of this caller, such as github:repo:acme/shop')
    .option('--target <id>', 'on this target')
    .addOption(
      new Option('--decision <decision>', 'with an action so decided').choices([
        'allow',
        'deny',
        'approve',
      ]),
    )
    .addOption(
      new Option('--outcome <outcome>', 'with an action that ended so').choices([
        'succeeded',
        'failed',
        'refused',
        'cancelled',
        'unknown',
      ]),
    )
    .option('--rule <id>', 'in which this rule decided')
    .option('--table <schema.name>', 'with an action that touched this table')
    .option('--verb <verb>', 'with such a statement or request: DELETE, DROP TABLE, POST')
    .option('--path </path>', 'with a request to this path, or below it')
    .option('--since <when>', 'still open then: 30m, 24h, 7d, or an ISO date', instant)
    .option('--open', 'not ended yet')
    .option('--limit <n>', 'at most so many', wholeNumber, 50)
    .option('--json', 'as JSON')
    .action(async ({ limit, json, since, open, ...filter }: ListOptions) => {
      const query: Record<string, string> = { ...filter };
      if (since !== undefined) query['since'] = String(since);
      if (open === true) query['open'] = 'true';
      const sessions = await listSessions(query, limit);
      if (json === true) console.log(JSON.stringify(sessions, null, 2));
      else if (sessions.length === 0) console.error('No session matches.');
      else console.log(sessionsTable(sessions));
    });
}

function showCommand(): Command {
  return new Command('show')
    .description('one session and its actions')
    .argument('<id>')
    .option('--json', 'as JSON')
    .action(async (id: string, options: { readonly json?: true }) => {
      let page = await getSession(id);
      const { session } = page;
      const actions = [...page.actions];
      while (page.next !== null) {
        page = await getSession(id, page.next);
        actions.push(...page.actions);
      }
      if (options.json === true) console.log(JSON.stringify({ session, actions }, null, 2));
      else console.log([...sessionLines(session), '', ...actionLines(session, actions)].join('\n'));
    });
}

interface ReplayOptions {
  readonly speed: number;
  readonly wait: boolean;
}

function replayCommand(): Command {
  return new Command('replay')
    .description('tell a session as it happened')
    .argument('<id>')
    .option('--speed <n>', 'so many times faster', factor, 1)
    .option('--no-wait', 'all at once')
    .action(async (id: string, { speed, wait }: ReplayOptions) => {
      const recording = await openRecording(downloadRecording(id));
      const check = checker(recording.manifest);
      const tell = createTeller();
      const startedAt = Date.now();
      for await (const line of recording.lines) {
        const moment = tell(check.push(line));
        if (moment === null) continue;
        const early = startedAt + moment.atMs / speed - Date.now();
        if (wait && early > 0) await sleep(early);
        console.log(moment.lines.join('\n'));
      }
      if (recording.manifest === null) {
        console.error('The session is open, or its recording is still being written.');
        return;
      }
      ofSession(check.finish(), id);
    });
}

interface VerifyOptions {
  readonly file?: string;
  readonly head?: string;
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('check that a recording is whole and unchanged (exit 0 or 1)')
    .argument('[id]')
    .option('--file <recording.ndjson>', 'an exported recording; asks no gateway')
    .option('--head <sha256>', 'the hash its last event must have, known from elsewhere')
    .action(async (id: string | undefined, { file, head }: VerifyOptions) => {
      if ((id === undefined) === (file === undefined)) {
        throw new CliError(EXIT.usage, 'Give either a session’s id or --file.');
      }
      const summary = file === undefined ? await verifyById(id ?? '') : await verifyFile(file);
      if (head !== undefined && head.toLowerCase() !== summary.head) {
        throw broken('head', `The last event’s hash is ${summary.head}, not the one you gave.`);
      }
      const { session, events, endCode } = summary;
      console.log(
        printable(`Verified: session ${session}, ${events} events, ended with ${endCode}.`),
      );
      console.log(`Head: ${summary.head}`);
    });
}

/** The recording from R2, and the index in D1 as a second witness. */
async function verifyById(id: string): Promise<ChainSummary> {
  const { session } = await getSession(id);
  const summary = ofSession(await verifyRecording(await openRecording(downloadRecording(id))), id);
  if (session.headHash !== summary.head || session.events !== summary.events) {
    throw broken('index', 'The index knows another end of this session than its recording has.');
  }
  return summary;
}

async function verifyFile(path: string): Promise<ChainSummary> {
  return verifyRecording(await openRecording(fileBytes(path)));
}

/** A recording that verifies, but is another session's, was put in the wrong place. */
function ofSession(summary: ChainSummary, id: string): ChainSummary {
  if (summary.session === id) return summary;
  throw broken('session', `This is the recording of session ${summary.session}.`);
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
  } catch (error) {
    throw new CliError(EXIT.failed, `The file cannot be read: ${reasonOf(error)}.`);
  }
}

function exportCommand(): Command {
  return new Command('export')
    .description('save a recording, to be kept or verified elsewhere')
    .argument('<id>')
    .requiredOption('-o, --output <file>', '- for standard output')
    .action(async (id: string, { output }: { readonly output: string }) => {
      if (output === '-') {
        for await (const chunk of downloadRecording(id)) {
          if (!process.stdout.write(chunk)) await drained();
        }
        return;
      }
      // Never half a file under the name that was asked for. Recordings hold what people queried: for the owner's eyes.
      const partial = `${output}.part`;
      try {
        await pipeline(downloadRecording(id), createWriteStream(partial, { mode: 0o600 }));
        await rename(partial, output);
      } catch (error) {
        await rm(partial, { force: true });
        if (error instanceof CliError) throw error;
        throw new CliError(EXIT.failed, `The file cannot be written: ${reasonOf(error)}.`);
      }
      console.error(`Saved. Check it with: postern sessions verify --file ${printable(output)}`);
    });
}

function drained(): Promise<void> {
  return new Promise((resolve) => void process.stdout.once('drain', resolve));
}

function killCommand(): Command {
  return new Command('kill')
    .description('end a live session')
    .argument('<id>')
    .action(async (id: string) => {
      await killSession(id);
      console.error('Ended.');
    });
}

/** A duration back from now, or an instant; milliseconds since the epoch. */
function instant(text: string): number {
  const seconds = durationSeconds(text);
  const ms = seconds === null ? Date.parse(text) : Date.now() - seconds * 1000;
  if (Number.isSafeInteger(ms)) return ms;
  throw new InvalidArgumentError('a duration such as 24h, or an ISO 8601 date');
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a number from 1 on');
}

function factor(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('a number above 0');
}
