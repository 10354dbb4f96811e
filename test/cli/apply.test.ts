// The real way: the command line, wrangler, and the local D1 that the gateway reads.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hashOf } from '../../cli/policy-file.ts';
import { fileWith } from '../core/policy/fixtures.ts';
import { postern } from './run.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const state = mkdtempSync(join(tmpdir(), 'postern-apply-'));
const LOCAL = ['--local', '--state', state];
const FILE = join(state, 'postern.yaml');
const ENV = { HOME: state, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' };
/** wrangler starts a runtime of its own for every command. */
const SLOW_MS = 240_000;

vi.setConfig({ testTimeout: SLOW_MS });

// Everything that an SQL splitter, a shell or a template could take for its own.
const HOSTILE = `${fileWith(['when: \'sql.effect == "read"\', then: allow, message: "it\'s; DROP TABLE policy_revisions; --"'])}
# '; DELETE FROM policy_revisions; -- "q" \`b\` $$ $(id) \${HOME} \\' \\\\ /* BEGIN; CREATE TRIGGER t BEGIN SELECT 1; END; */ ünïcode 😀
`;

async function run(...args: string[]) {
  return postern(args, ENV).finished;
}

/** The database as the gateway would open it, without paying for wrangler. */
function open(): DatabaseSync {
  const folder = join(state, 'v3/d1/miniflare-D1DatabaseObject');
  const [file = ''] = readdirSync(folder).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
  return new DatabaseSync(join(folder, file));
}

function revisions() {
  const database = open();
  try {
    return database.prepare('SELECT * FROM policy_revisions ORDER BY revision').all();
  } finally {
    database.close();
  }
}

function insertRevision(revision: number, document: string): void {
  const database = open();
  database
    .prepare(
      "INSERT INTO policy_revisions (revision, hash, document, applied_at, applied_by) VALUES (?, ?, ?, 0, '')",
    )
    .run(revision, hashOf(document), document);
  database.close();
}

beforeAll(() => {
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  const migrated = spawnSync(
    process.execPath,
    [wrangler, 'd1', 'migrations', 'apply', 'DB', '--local', '--persist-to', state],
    { cwd: ROOT, env: { ...process.env, ...ENV }, encoding: 'utf8' },
  );
  if (migrated.status !== 0) throw new Error(migrated.stderr);
}, SLOW_MS);

afterAll(() => rmSync(state, { recursive: true, force: true }));

describe('postern apply', () => {
  it('puts a document in force as it is, byte for byte, and rolls back to it', async () => {
    writeFileSync(FILE, HOSTILE);
    const applied = await run('apply', '-f', FILE, ...LOCAL, '--note', "it's the first");
    expect(applied.stderr).toBe('');
    expect(applied.stdout).toContain('Applied revision 1');
    expect(applied.code).toBe(0);
    expect(revisions()).toMatchObject([{ revision: 1, document: HOSTILE, note: "it's the first" }]);

    insertRevision(2, fileWith(['then: deny']));
    const back = await run('apply', '--revision', '1', ...LOCAL, '--history', '0');
    expect(back.stderr).toBe('');
    expect(back.stdout).toContain('Applied revision 3');
    expect(revisions()).toMatchObject([
      { revision: 1 },
      { revision: 2, note: '' },
      { revision: 3, document: HOSTILE, hash: hashOf(HOSTILE), note: 'rollback to 1' },
    ]);
  });

  it('changes nothing for a file that is not valid, and says where', async () => {
    writeFileSync(FILE, fileWith(['then: alow']));
    const { code, stderr, stdout } = await run('apply', '-f', FILE, ...LOCAL);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(`${FILE}:27:21: rules.0.then: Invalid option`);
  });

  it.each([
    [['apply', '-f', FILE], 'Say where: --local or --remote.'],
    [['plan', '-f', FILE], 'Say where: --local or --remote.'],
    [['apply', '--local', '--remote'], "option '--local' cannot be used with option '--remote'"],
    [
      ['apply', '--local', '-f', FILE, '--revision', '1'],
      "cannot be used with option '-f, --file <file>'",
    ],
    [['apply', '--local', '--revision', '1; DROP TABLE x'], '"1; DROP TABLE x" is no revision.'],
    [['apply', '--local', '--note', 'two\nlines'], '--note takes one line'],
    [['plan', '-f', FILE, '--local', '--history', 'all'], '--history takes a whole number'],
  ])('%j is a wrong command line', async (args, message) => {
    writeFileSync(FILE, fileWith(['then: deny']));
    const { code, stderr } = await run(...args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe('postern check and postern schema', () => {
  it('need no gateway', async () => {
    writeFileSync(FILE, fileWith(['then: deny']));
    const checked = await run('check', '-f', FILE);
    expect(checked.stdout).toMatch(
      /is valid: 2 issuers, 2 targets, 1 rules, 0 masks; sha256 [0-9a-f]{64}\n$/,
    );
    const { stdout } = await run('schema');
    expect(JSON.parse(stdout)).toHaveProperty('properties.version');
  });
});
