import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CommanderError } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChainedEvent, SessionEvent } from '../../core/audit/event.ts';
import {
  encodeLine,
  encodeManifest,
  encodeManifestLine,
  type Manifest,
} from '../../core/recording/format.ts';
import { chained, recorded } from '../support/chained.ts';
import {
  deniedIntent,
  intent,
  outcome,
  sessionStart,
  SESSION_END,
  START_MS,
  statement,
} from '../support/session-events.ts';
import { CliError } from '../../cli/failure.ts';
import { sessionsCommand } from '../../cli/sessions.ts';
import { type Finished, newHome, postern } from './run.ts';
import { at, captured } from '../support/present.ts';

vi.setConfig({ testTimeout: 30_000 });

const STORY: readonly SessionEvent[] = [
  sessionStart('s1'),
  statement(1, 'SELECT * FROM orders WHERE id = $1'),
  intent(1, 1, ['42']),
  outcome(1),
  statement(2, 'DROP TABLE orders -- \u001b[2J'),
  deniedIntent(2, 2),
  outcome(2, 'refused'),
  SESSION_END,
];
const EVENTS = chained('s1', STORY);
const { manifest: MANIFEST, segments: SEGMENTS } = recorded(EVENTS);

const exported = (manifest: Manifest | null, events: readonly ChainedEvent[]) =>
  [...(manifest === null ? [] : [encodeManifestLine(manifest)]), ...events.map(encodeLine)]
    .map((line) => `${line}\n`)
    .join('');
const HONEST = exported(MANIFEST, EVENTS);

const ROW = {
  id: 's1',
  target: 'shop-db',
  protocol: 'postgres',
  principalId: 'github:repo:acme/shop',
  principalKind: 'workload',
  groups: ['agents'],
  clientName: 'psql \u001b[31m',
  clientAddress: '192.0.2.7',
  country: 'DE',
  revision: 7,
  startedAt: START_MS,
  endedAt: START_MS + 70,
  endCode: 'client_closed',
  actions: 2,
  refused: 1,
  rows: 3,
  bytes: 120,
  rules: ['agents-read', 'no-ddl'],
  events: 8,
  headHash: at(EVENTS, 7).hash,
  recordingKey: 'recordings/2026-11-24/s1/manifest.json',
};
const ACTION = {
  action: 1,
  at: START_MS + 20,
  via: 'query',
  statement: 'SELECT * FROM orders',
  truncated: false,
  effect: 'read',
  decision: 'allow',
  rules: ['agents-read'],
  code: null,
  outcome: 'succeeded',
  rows: 3,
  durationMs: 10,
  error: null,
};

let server: Server;
let url = '';
const answers = new Map<string, string>();
const seen: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const answer = answers.get(request.url ?? '');
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(answer ?? JSON.stringify({ code: 'not_found', detail: 'There is nothing here.' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

beforeEach(() => {
  seen.length = 0;
  answers.clear();
  answers.set(
    '/v1/sessions/s1?after=0',
    JSON.stringify({ session: ROW, actions: [ACTION], next: 1 }),
  );
  answers.set(
    '/v1/sessions/s1?after=1',
    JSON.stringify({ session: ROW, actions: [{ ...ACTION, action: 2 }], next: null }),
  );
  answers.set('/v1/sessions/s1/recording', HONEST);
});

const ENV = { XDG_CONFIG_HOME: newHome(), POSTERN_TOKEN: 'a-token' };

function apart(...args: string[]): Promise<Finished> {
  return postern(['sessions', ...args], { ...ENV, POSTERN_GATEWAY: url }).finished;
}

/** As main.ts runs the command, without the second that a process takes to start. */
async function run(...args: string[]): Promise<Pick<Finished, 'code' | 'stdout' | 'stderr'>> {
  for (const [name, value] of Object.entries({ ...ENV, POSTERN_GATEWAY: url })) {
    vi.stubEnv(name, value);
  }
  let stdout = '';
  let stderr = '';
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((text) => void (stdout += `${String(text)}\n`)),
    vi.spyOn(console, 'error').mockImplementation((text) => void (stderr += `${String(text)}\n`)),
    vi.spyOn(process.stderr, 'write').mockReturnValue(true),
  ];
  const command = sessionsCommand();
  for (const one of [command, ...command.commands]) one.exitOverride();
  try {
    await command.parseAsync(args, { from: 'user' });
    return { code: 0, stdout, stderr };
  } catch (error) {
    if (error instanceof CommanderError) return { code: 2, stdout, stderr };
    if (error instanceof CliError) {
      return { code: error.exitCode, stdout, stderr: `${stderr}postern: ${error.message}\n` };
    }
    throw error;
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'postern-sessions-'));
let files = 0;
function file(content: string): string {
  const path = join(folder, `${files++}.ndjson`);
  writeFileSync(path, content);
  return path;
}

describe('verify --file', () => {
  it('accepts an honest recording and asks no gateway', async () => {
    const result = await apart('verify', '--file', file(HONEST), '--head', at(EVENTS, 7).hash);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toBe(
      `Verified: session s1, 8 events, ended with client_closed.\nHead: ${at(EVENTS, 7).hash}\n`,
    );
    expect(seen).toEqual([]);
  });

  const edited = EVENTS.map((event) => ({ ...event, json: event.json.replace('DROP', 'SHOW') }));
  const short = recorded(EVENTS.slice(0, 6));
  const rewritten = chained(
    's1',
    STORY.filter((_, at) => at < 4 || at === 7),
  );
  it.each<[string, string, RegExp, ...string[]]>([
    ['an edited statement', exported(MANIFEST, edited), /\(chain\)\. Event 5 was changed/],
    [
      'a removed event',
      exported(
        MANIFEST,
        EVENTS.filter((_, at) => at !== 3),
      ),
      /\(chain\)\. Event 4 is missing/,
    ],
    [
      'two events exchanged',
      exported(MANIFEST, [...EVENTS.slice(0, 2), at(EVENTS, 3), at(EVENTS, 2), ...EVENTS.slice(4)]),
      /\(chain\)\. Event 3 is missing/,
    ],
    [
      'a lost end',
      exported(MANIFEST, EVENTS.slice(0, 6)),
      /\(segment\)\. Segment .*000003.* is missing/,
    ],
    [
      'a lost end with a fitting manifest',
      exported(short.manifest, EVENTS.slice(0, 6)),
      /\(chain\)\. The closing record is missing/,
    ],
    ['a cut line', HONEST.slice(0, -9), /\(line\)\. The recording ends in the middle/],
    ['a lost manifest', exported(null, EVENTS), /\(manifest\)\. There is no manifest/],
    [
      'a broken manifest',
      `{"manifest":${HONEST.slice(15)}`,
      /\(manifest\)\. The manifest in its first line/,
    ],
    [
      'an unfinished session',
      exported(null, EVENTS.slice(0, 4)),
      /\(chain\)\. The closing record is missing/,
    ],
    ['nothing', '', /\(empty\)/],
    ['something else', 'hello\n', /\(line\)\. A line is not an event/],
    ['another head', HONEST, /\(head\)/, '--head', '0'.repeat(64)],
    // Whoever can write everything can write a chain that fits; a head kept elsewhere still tells.
    [
      'a whole new story',
      exported(recorded(rewritten).manifest, rewritten),
      /\(head\)/,
      '--head',
      at(EVENTS, 7).hash,
    ],
  ])(
    'exits with 1 for %s and says which check failed',
    async (_name, content, sentence, ...more) => {
      const result = await run('verify', '--file', file(content), ...more);
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(sentence);
      expect(result.stderr).toContain('Not verified');
      expect(result.stdout).toBe('');
    },
  );

  it('refuses bytes that are not text', async () => {
    const path = join(folder, 'binary');
    writeFileSync(path, gzipSync(HONEST));
    expect(await run('verify', '--file', path)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not UTF-8') as string,
    });
  });

  it('says that there is no such file', async () => {
    const result = await run('verify', '--file', join(folder, 'none'));
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toContain('cannot be read');
  });

  it('takes objects from the bucket as docs/recordings.md puts them together', async () => {
    const bucket = mkdtempSync(join(tmpdir(), 'postern-bucket-'));
    SEGMENTS.forEach((segment, at) => {
      writeFileSync(join(bucket, `00000${at + 1}.ndjson.gz`), gzipSync(segment));
    });
    writeFileSync(join(bucket, 'manifest.json'), encodeManifest(MANIFEST));
    const docs = readFileSync('docs/recordings.md', 'utf8');
    const script = captured(/```sh id=assemble\n([\s\S]*?)```/, docs);
    execFileSync('sh', ['-ec', script], { cwd: bucket });
    const result = await run('verify', '--file', join(bucket, 'recording.ndjson'));
    expect(result).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('verify <id>', () => {
  it('checks the recording and the index against each other', async () => {
    expect(await run('verify', 's1')).toMatchObject({ code: 0 });
    answers.set(
      '/v1/sessions/s1?after=0',
      JSON.stringify({ session: { ...ROW, headHash: '0'.repeat(64) }, actions: [], next: null }),
    );
    const result = await run('verify', 's1');
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toContain('(index)');
  });

  it('does not take another session’s recording for this one', async () => {
    answers.set(
      '/v1/sessions/s2?after=0',
      JSON.stringify({ session: { ...ROW, id: 's2' }, actions: [], next: null }),
    );
    answers.set('/v1/sessions/s2/recording', HONEST);
    const result = await run('verify', 's2');
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toContain('(session). This is the recording of session s1.');
  });

  it('wants one thing to verify', async () => {
    expect(await run('verify')).toMatchObject({ code: 2 });
    expect(await run('verify', 's1', '--file', 'x')).toMatchObject({ code: 2 });
  });
});

describe('list', () => {
  it('passes filters on and prints a table in which nothing acts', async () => {
    const query = 'principal=a%26b&decision=deny&table=public.orders&open=true&limit=50';
    answers.set(
      `/v1/sessions?${query}`,
      JSON.stringify({ sessions: [{ ...ROW, target: 'x\u001b[2J' }], next: null }),
    );
    const result = await run(
      'list',
      '--principal',
      'a&b',
      '--decision',
      'deny',
      '--table',
      'public.orders',
      '--open',
    );
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain(
      's1  2026-11-24T13:00:00.000Z  x<U+001B>[2J  github:repo:acme/shop',
    );
    expect(result.stdout).not.toContain('\u001b');
  });

  it('follows pages up to the limit', async () => {
    const page = (id: string, next: string | null) =>
      JSON.stringify({ sessions: [{ ...ROW, id }], next });
    answers.set('/v1/sessions?limit=2', page('a', '5.a'));
    answers.set('/v1/sessions?limit=2&cursor=5.a', page('b', '4.b'));
    const result = await run('list', '--limit', '2', '--json');
    expect((JSON.parse(result.stdout) as { id: string }[]).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('turns --since into an instant', async () => {
    await run('list', '--since', '2h');
    const since = Number(captured(/since=(\d+)/, at(seen, 0)));
    expect(Math.abs(Date.now() - 7_200_000 - since)).toBeLessThan(60_000);
    expect(await run('list', '--since', 'yesterday')).toMatchObject({ code: 2 });
  });

  it('fails with the gateway’s own words', async () => {
    const result = await run('list');
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is nothing here.') as string,
    });
  });
});

describe('show', () => {
  it('prints the session and every page of its actions', async () => {
    const { stdout, code } = await run('show', 's1');
    expect(code).toBe(0);
    expect(stdout).toContain('principal  github:repo:acme/shop (workload, groups agents)');
    expect(stdout).toContain('client     psql <U+001B>[31m 192.0.2.7 DE');
    expect(stdout).toMatch(/#1 +\+0\.020 +allow agents-read +read +succeeded +3 +10 ms +SELECT/);
    expect(stdout).toContain('#2');
  });
});

describe('replay', () => {
  it('tells the story at once', async () => {
    const { stdout, stderr, code } = await run('replay', 's1', '--no-wait');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(
      "00:00.020  #1 query: allowed by agents-read, revision 7\n           SELECT * FROM orders WHERE id = $1\n           $1 = '42'",
    );
    expect(stdout).toContain('DROP TABLE orders -- <U+001B>[2J');
    expect(stdout.trimEnd().endsWith('session ended: client_closed')).toBe(true);
  });

  it('takes its time, and less with --speed', async () => {
    const events = chained('s1', STORY, (index) => START_MS + index * 400);
    answers.set('/v1/sessions/s1/recording', exported(recorded(events).manifest, events));
    const took = async (...args: string[]) => {
      const before = Date.now();
      expect((await run('replay', 's1', ...args)).code).toBe(0);
      return Date.now() - before;
    };
    expect(await took()).toBeGreaterThan(2_700);
    const atOnce = await took('--no-wait');
    expect(await took('--speed', '28')).toBeLessThan(atOnce + 1_000);
    expect(await run('replay', 's1', '--speed', '0')).toMatchObject({ code: 2 });
  });

  it('stops where the recording is not what was written', async () => {
    answers.set('/v1/sessions/s1/recording', HONEST.replace('DROP TABLE', 'DROP INDEX'));
    const { stdout, stderr, code } = await run('replay', 's1', '--no-wait');
    expect(code).toBe(1);
    expect(stderr).toContain('Event 5 was changed');
    expect(stdout).not.toContain('DROP');
  });

  it('says that an open session is not over', async () => {
    answers.set('/v1/sessions/s1/recording', exported(null, EVENTS.slice(0, 4)));
    const { stdout, stderr, code } = await run('replay', 's1', '--no-wait');
    expect(code).toBe(0);
    expect(stdout).toContain('#1 succeeded');
    expect(stderr).toContain('still being written');
  });
});

describe('export and kill', () => {
  it('saves a file that verifies, for the owner only', async () => {
    const path = join(folder, 'saved.ndjson');
    expect(await run('export', 's1', '-o', path)).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(path, 'utf8')).toBe(HONEST);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await apart('export', 's1', '-o', '-')).stdout).toBe(HONEST);
  });

  it('leaves no half file behind', async () => {
    const path = join(folder, 'missing.ndjson');
    expect(await run('export', 'none', '-o', path)).toMatchObject({ code: 1 });
    expect(() => statSync(path)).toThrow();
    expect(() => statSync(`${path}.part`)).toThrow();
  });

  it('kills by DELETE', async () => {
    await run('kill', 'a/b');
    expect(seen).toEqual(['DELETE /v1/sessions/a%2Fb']);
  });
});
