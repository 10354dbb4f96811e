// Proposals of columns and values, and the command against a real Postgres behind a stand-in gateway.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { proposeMasks, type SampledColumn } from '../../cli/suggest-masks-proposal.ts';
import { guessFromName } from '../../cli/suggest-masks-words.ts';
import { parsePolicy } from '../../core/policy/parse.ts';
import { fileWith } from '../core/policy/fixtures.ts';
import { type FakeGateway, startFakeGateway, toPort } from './fake-gateway.ts';
import { PSQL, hasPostgres, hasPsql, startPostgres, type RealPostgres } from './real-postgres.ts';
import { newHome, postern } from './run.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe('what a name and a type say', () => {
  it.each([
    ['users', 'email', 'S', 'email'],
    ['users', 'contactEmail', 'S', 'email'],
    ['users', 'email_verified', 'B', null],
    ['users', 'emails_sent', 'N', null],
    ['users', 'phone_number', 'S', 'phone'],
    ['users', 'mobile', 'N', 'phone'],
    ['users', 'ssn', 'S', 'national-id'],
    ['users', 'tax_id', 'S', 'national-id'],
    ['payments', 'card_number', 'S', 'card'],
    ['payments', 'cvv', 'S', 'secret'],
    ['payments', 'card_holder', 'S', 'person-name'],
    ['payments', 'iban', 'S', 'bank-account'],
    ['users', 'dateOfBirth', 'D', 'birth-date'],
    ['users', 'created_at', 'D', null],
    ['users', 'shipping_address', 'S', 'postal-address'],
    ['logins', 'ip_address', 'S', 'ip-address'],
    ['logins', 'source', 'I', 'ip-address'],
    ['users', 'password_hash', 'S', 'secret'],
    ['apps', 'API-Key', 'S', 'secret'],
    ['users', 'token_count', 'N', null],
    ['customers', 'name', 'S', 'person-name'],
    ['products', 'name', 'S', null],
    ['orders', 'company', 'S', null],
    ['orders', 'shipping_method', 'S', null],
  ])('%s.%s of category %s: %s', (relation, name, category, kind) => {
    expect(guessFromName({ relation, name, category })).toBe(kind);
  });
});

const column = (relation: string, name: string, values: readonly string[] = []): SampledColumn => ({
  schema: 'public',
  relation,
  name,
  type: 'text',
  category: 'S',
  values,
});

/** What comes out is a part of a policy file that loads. */
function loaded(yaml: string) {
  const policy = parsePolicy(`${fileWith([])}${yaml}`, { development: false });
  if (!policy.ok) throw new Error(JSON.stringify(policy.error));
  return policy.value.masks.map(({ id, columns, detect, as }) => ({ id, columns, detect, as }));
}

describe('proposals', () => {
  it('go by values before names', () => {
    const yaml = proposeMasks('shop', [
      column('users', 'contact', ['ann@example.com', 'bob@example.com', 'n/a']),
      column('users', 'email', ['a8f5f167f44f4964e6c998dee827110c']),
      column('users', 'login', ['ann', 'bob']),
    ]);
    expect(loaded(yaml)).toEqual([
      {
        id: 'shop-email',
        columns: ['public.users.contact', 'public.users.email'],
        detect: [],
        as: 'partial',
      },
    ]);
    expect(yaml).toContain('2 of 3 sampled values');
    expect(yaml).toContain('its name; 0 of 1 sampled values');
  });

  it('ask for a detector where values stand inside texts', () => {
    const notes = ['call ann@example.com', 'nothing', 'nothing', 'nothing', 'nothing'];
    const yaml = proposeMasks('shop', [column('orders', 'note', notes)]);
    expect(loaded(yaml)).toEqual([
      { id: 'shop-inside-texts', columns: [], detect: ['email'], as: 'redact' },
    ]);
    expect(yaml).toContain('email in public.orders.note: 1 of 5 sampled values');
  });

  it('never print a value', () => {
    const yaml = proposeMasks('shop', [
      column('users', 'email', ['canary@example.com']),
      column('orders', 'note', ['for canary@example.com', 'x', 'y', 'z']),
    ]);
    expect(loaded(yaml)).toHaveLength(2);
    expect(yaml).not.toContain('canary');
  });

  it('quote names that mean something to YAML, to patterns or to a terminal', () => {
    const odd: SampledColumn = {
      ...column('a.b"c', 'email'),
      schema: 'x: y',
      type: 'evil\n    as: "null"\u001b[2J',
    };
    const long = 'l'.repeat(63);
    const yaml = proposeMasks('shop', [odd]);
    expect(loaded(yaml)).toMatchObject([{ columns: ['"x: y"."a.b""c".email'], as: 'partial' }]);
    expect(yaml).not.toContain('\u001b');
    expect(/- id: (.*)/.exec(proposeMasks(long, [odd]))?.[1]).toHaveLength(63);
  });

  it('are comments alone where there are none', () => {
    const yaml = proposeMasks('shop', [column('orders', 'status', ['paid'])]);
    expect(yaml).toMatch(/^# No column/);
  });
});

describe.runIf(hasPostgres && hasPsql)('postern suggest-masks', () => {
  let database: RealPostgres;
  let gateway: FakeGateway;
  beforeAll(async () => {
    database = await startPostgres();
    gateway = await startFakeGateway(toPort(database.port));
    const psql = ['-h', '127.0.0.1', '-p', String(database.port), '-U', 'postern', '-d', 'shop'];
    execFileSync(PSQL, [
      ...psql,
      '-qc',
      `CREATE TABLE customers (id int, name text, contact text, seen inet, "Odd.Name" text);
       INSERT INTO customers SELECT n, 'Ann', 'ann' || n || '@example.com', '192.0.2.1', 'x' FROM generate_series(1, 50) n;
       CREATE TABLE locked (ssn text); INSERT INTO locked VALUES ('[masked]'), ('[masked]')`,
    ]);
  });
  afterAll(async () => {
    await gateway.close();
    database.stop();
  });

  const run = async (...args: readonly string[]) =>
    postern(['suggest-masks', ...args], {
      XDG_CONFIG_HOME: newHome(),
      POSTERN_GATEWAY: gateway.url,
      POSTERN_TOKEN: 'a-token',
    }).finished;

  it('reads names and types', async () => {
    const { stdout, stderr, code } = await run('shop-db');
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'shop-db: 6 columns in 2 tables\n' });
    expect(loaded(stdout.replaceAll('[shop-db]', '[shop]'))).toMatchObject([
      { columns: ['public.locked.ssn'], as: 'redact' },
      { columns: ['public.customers.seen'], as: 'redact' },
      { columns: ['public.customers.name'], as: 'redact' },
    ]);
  });

  it('reads values where it is asked to', async () => {
    const { stdout, code } = await run('shop-db', '--sample', '20');
    expect(code).toBe(0);
    expect(stdout).toContain('public.customers.contact   # text; 20 of 20 sampled values');
    expect(stdout).not.toContain('ann1@');
    expect(stdout).toContain('public.customers.seen   # inet; its type\n');
    expect(stdout).toContain('public.locked.ssn   # text; its name\n');
  });

  it.each([
    [['shop-db', '--sample', '-1'], 2, 'whole number'],
    [['nowhere'], 4, 'You can reach no target'],
    [['bastion'], 2, 'of kind ssh'],
    [[], 2, 'missing required argument'],
  ])('%s ends with %i', async (args, expected, words) => {
    const { code, stderr } = await run(...args);
    expect({ code, said: stderr.includes(words) }).toEqual({ code: expected, said: true });
  });

  it('says what the gateway says when it is refused', async () => {
    gateway.refuse = (request) =>
      request.headers.upgrade === undefined
        ? null
        : {
            status: 403,
            problem: { title: 'Refused', detail: 'No rule allows it.', code: 'no_rule' },
          };
    const { code, stderr, stdout } = await run('shop-db');
    gateway.refuse = null;
    expect(stdout).toBe('');
    expect(stderr).toContain('No rule allows it.');
    expect(code).not.toBe(0);
  });
});
