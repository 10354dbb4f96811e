import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, property, string } from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { makePlan } from '../../cli/plan.ts';
import { hashOf, readPolicyFile } from '../../cli/policy-file.ts';
import { activeRevision, appendRevision, revisionNumbered } from '../../cli/revisions.ts';
import { sqlText } from '../../cli/wrangler-d1.ts';
import { fileWith, sqlFacts } from '../core/policy/fixtures.ts';
import { httpContent } from '../support/http-content.ts';
import { memoryDatabase, recordAction, type MemoryDatabase } from './memory-database.ts';

// Properties take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const READ = 'id: read, when: \'sql.effect == "read"\', then: allow';
const WRITE = 'id: write, when: \'sql.effect == "write"\', then: allow';

function saved(document: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'postern-plan-')), 'postern.yaml');
  writeFileSync(file, document);
  return file;
}

const opened = (document: string) => readPolicyFile(saved(document), { development: false });
const OPTIONS = { development: false, history: 100 };

async function planned(database: MemoryDatabase, document: string): Promise<string> {
  const { lines } = await makePlan(database, opened(document), OPTIONS);
  return lines.join('\n');
}

describe('a plan', () => {
  it('says that the first policy is the first', async () => {
    const text = await planned(memoryDatabase(), fileWith([READ]));
    expect(text).toContain('No policy has been applied yet: this would be revision 1.');
    expect(text).toContain(
      '  + rule read\n      when: "sql.effect == \\"read\\""\n      then: "allow"',
    );
    expect(text).toContain('credential.password: "SHOP_PASSWORD"');
    // What nobody wrote is not listed.
    expect(text).not.toContain('algorithms');
  });

  it('lists what was added, removed and changed', async () => {
    const database = memoryDatabase();
    await appendRevision(database, fileWith([READ, WRITE]), 0, '');
    const changed = fileWith([
      READ.replace('then: allow', 'then: deny'),
      'id: new, then: deny',
    ]).replace('address: db.example:5432', 'address: db2.example:5432');
    const text = await planned(database, changed);
    expect(text).toContain('Against revision 1');
    expect(text).toContain('  ~ target shop\n      host: "db.example" → "db2.example"');
    expect(text).toContain('  - rule write\n');
    expect(text).toContain('  ~ rule read\n      then: "allow" → "deny"');
    expect(text).toContain('  + rule new\n');
    expect(text).not.toContain('issuer');
  });

  it('tells a change of text from a change of policy', async () => {
    const database = memoryDatabase();
    await appendRevision(database, fileWith([READ, WRITE]), 0, '');
    expect(await planned(database, fileWith([READ, WRITE]))).toBe(
      'Revision 1 is this very document.',
    );
    expect(await planned(database, `${fileWith([WRITE, READ])}# moved\n`)).toContain(
      'Nothing changes but the text',
    );
  });

  it('shows retention and who may look', async () => {
    const database = memoryDatabase();
    await appendRevision(database, fileWith([READ]), 0, '');
    const more = `retention: { index: 90d, recordings: 400d }\naudit: { read: principal.kind == "human" }\n`;
    const text = await planned(database, fileWith([READ]) + more);
    expect(text).toContain('  + setting retention\n      indexSeconds: 7776000\n');
    expect(text).toContain('  + audit read\n');
    expect(text).not.toContain('notify');
  });

  it('compares with nothing when the active revision is no policy of this version', async () => {
    const database = memoryDatabase();
    await appendRevision(database, 'version: 9', 0, '');
    expect(await planned(database, fileWith([READ]))).toContain(
      'Revision 1 is not valid for this version and allows nothing.',
    );
  });

  it('shows no control character of a policy on the terminal', async () => {
    const text = await planned(
      memoryDatabase(),
      fileWith(['id: r, when: "principal.subject == \\"\\\\u001b[2J\\"", then: deny']),
    );
    expect(text).not.toContain('\u001b');
  });
});

const PAY = 'id: pay, on: [pay], when: http.method == "POST", then: allow';

function withPay(rules: readonly string[]): string {
  const target =
    '  - { id: pay, kind: http, address: "https://api.pay.example", credential: { bearer: PAY_TOKEN } }\n';
  return fileWith(
    rules.map((rule) => rule.replace(/when: (.*), then/, "when: '$1', then")),
  ).replace(/^rules:/m, () => `${target}rules:`);
}

describe('over recorded history, a plan', () => {
  const history = () => {
    const database = memoryDatabase();
    for (let i = 0; i < 3; i++)
      recordAction(database, {
        session: 's1',
        action: i,
        facts: sqlFacts('write', { verbs: ['DELETE'] }),
        statement: `DELETE FROM orders WHERE id = ${i}`,
      });
    recordAction(database, { session: 's1', action: 10, facts: sqlFacts('read') });
    // Refused before any policy was asked, too long for the index, of another version of it, of another group.
    recordAction(database, {
      session: 's1',
      action: 11,
      facts: sqlFacts('write'),
      code: 'guarded_setting',
    });
    recordAction(database, { session: 's1', action: 12, facts: null });
    recordAction(database, { session: 's1', action: 13, facts: { effect: 'write' } });
    recordAction(database, {
      session: 's2',
      action: 1,
      facts: sqlFacts('write'),
      groups: ['staff'],
    });
    return database;
  };
  const ALL = 'id: all, who: \'"agents" in principal.groups\', then: allow';

  it('counts whose decisions would change, and gives an example', async () => {
    const database = history();
    await appendRevision(database, fileWith([ALL]), 0, '');
    const text = await planned(
      database,
      fileWith([ALL, 'id: no-writes, when: \'sql.effect == "write"\', then: deny']),
    );
    expect(text).toContain('Over the last 5 recorded actions, 3 would be decided otherwise.');
    expect(text).toContain(
      '  allow → deny  3 ×  DELETE at shop by ci:agent-1: DELETE FROM orders WHERE id = 2',
    );
  });

  it('judges requests by what is known of them', async () => {
    const database = memoryDatabase();
    const { facts } = httpContent();
    const more = { session: 'h', via: 'http', target: 'pay' };
    const refund = { ...more, facts, statement: 'POST /v1/refunds' };
    recordAction(database, { ...refund, action: 1 });
    recordAction(database, { ...refund, action: 2 });
    recordAction(database, { ...more, action: 3, facts: { ...facts, json: { amount: 5 } } });
    // Facts of a statement, under a request's name.
    recordAction(database, { ...more, action: 4, facts: sqlFacts('read') });
    await appendRevision(database, withPay([PAY]), 0, '');
    const text = await planned(
      database,
      withPay([PAY, 'id: large, on: [pay], when: http.json.amount > 1000, then: deny']),
    );
    expect(text).toContain('Over the last 3 recorded actions, 2 would be decided otherwise.');
    expect(text).toContain('allow → deny  2 ×  POST at pay by ci:agent-1: POST /v1/refunds');
  });

  it('says when a target would be gone', async () => {
    const database = history();
    await appendRevision(database, fileWith([ALL]), 0, '');
    const text = await planned(database, fileWith([ALL]).replace('id: shop', 'id: shop2'));
    expect(text).toContain('allow → no target  3 ×');
  });

  it('does not guess what depends on claims', async () => {
    const database = history();
    await appendRevision(database, fileWith([ALL]), 0, '');
    const text = await planned(
      database,
      fileWith([ALL, 'id: c, when: \'principal.claims.repository == "x"\', then: deny']),
    );
    expect(text).toContain(
      '0 would be decided otherwise; 5 depend on claims, which are not recorded.',
    );
  });

  it('asks for nothing when it should not', async () => {
    const database = history();
    await appendRevision(database, fileWith([ALL]), 0, '');
    const { lines } = await makePlan(database, opened(fileWith([READ])), {
      development: false,
      history: 0,
    });
    expect(lines.join('\n')).not.toContain('recorded');
  });

  it('goes without when there is no index yet', async () => {
    const database = memoryDatabase();
    await appendRevision(database, fileWith([ALL]), 0, '');
    database.sqlite.exec('DROP TABLE actions');
    expect(await planned(database, fileWith([READ]))).toContain(
      'No recorded actions to compare over.',
    );
  });
});

describe('revisions', () => {
  it('are appended, never changed, and rolled back by appending', async () => {
    const database = memoryDatabase();
    expect(await activeRevision(database)).toBeNull();
    expect(await appendRevision(database, 'one', 0, 'first')).toBe(1);
    expect(await appendRevision(database, 'two', 1, '')).toBe(2);
    const first = await revisionNumbered(database, 1);
    expect(await appendRevision(database, first.document, 2, 'rollback to 1')).toBe(3);
    expect(await activeRevision(database)).toMatchObject({
      revision: 3,
      document: 'one',
      hash: hashOf('one'),
      note: 'rollback to 1',
    });
    expect(database.written.every((sql) => sql.startsWith('INSERT INTO policy_revisions '))).toBe(
      true,
    );
  });

  it('refuse the second of two operators who saw the same one', async () => {
    const database = memoryDatabase();
    await appendRevision(database, 'one', 0, '');
    await expect(appendRevision(database, 'other', 0, '')).rejects.toThrow(
      'Somebody else has applied revision 1',
    );
    expect(await activeRevision(database)).toMatchObject({ revision: 1, document: 'one' });
  });

  it('are not rolled back to when their document was changed in the table', async () => {
    const database = memoryDatabase();
    await appendRevision(database, 'one', 0, '');
    database.sqlite.exec("UPDATE policy_revisions SET document = 'evil'");
    await expect(revisionNumbered(database, 1)).rejects.toThrow('does not match its hash');
  });

  it('say what to do when the tables are not there', async () => {
    await expect(activeRevision(memoryDatabase({ migrated: false }))).rejects.toMatchObject({
      hint: expect.stringContaining('migrations apply') as string,
    });
  });

  it('take any document as one literal', () => {
    const { sqlite } = memoryDatabase({ migrated: false });
    assert(
      property(string({ unit: 'binary', maxLength: 200 }), (text) => {
        if (text.includes('\0')) {
          expect(() => sqlText(text)).toThrow('NUL');
        } else {
          const row = sqlite.prepare(`SELECT ${sqlText(text)} AS text, 1 AS one`).get();
          expect({ ...row }).toEqual({ text: text.toWellFormed(), one: 1 });
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a policy file', () => {
  it('has one hash whatever the line ends', () => {
    const unix = fileWith([READ]);
    expect(opened(unix.replaceAll('\n', '\r\n')).hash).toBe(opened(unix).hash);
  });

  it('reports problems with file, line and column', () => {
    const file = saved(fileWith(['then: alow']));
    expect(() => readPolicyFile(file, { development: false })).toThrow(
      `${file}:27:21: rules.0.then:`,
    );
  });

  it('is refused when it is not there or no UTF-8', () => {
    expect(() => readPolicyFile('/nowhere/postern.yaml', OPTIONS)).toThrow('cannot be read');
    const file = saved('');
    writeFileSync(file, Buffer.from([0x76, 0xff, 0xfe]));
    expect(() => readPolicyFile(file, OPTIONS)).toThrow('cannot be read');
  });
});
