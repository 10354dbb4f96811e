// Portals and cursors whose rows are of another plan than the text now stands for: the server keeps what it planned and
// has fetched, while the gateway judges again. Real Postgres, real policy, two gateways for two isolates.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMaskingGateway, type MaskingGateway } from '../support/masking-runner.ts';
import { startMaskingServer, type MaskingServer } from '../support/masking-server.ts';
import { WireClient, type Answer } from '../support/masking-wire.ts';
import { cstr, frame, i16, i32, join, query } from '../core/postgres/wire.ts';

const DERIVED = "SELECT email || '' AS shown FROM people";
const CLEAN = "SELECT name || '' AS shown FROM people";
const REFUSED = { code: '42501', detail: 'code mask_unproven; revision 1' };

let server: MaskingServer;
let gateway: MaskingGateway;
const clients: WireClient[] = [];

beforeAll(async () => {
  server = await startMaskingServer();
  gateway = await startMaskingGateway(server.server.port);
}, 120_000);

afterAll(async () => {
  for (const client of clients) client.close();
  await gateway?.close();
  await server?.stop();
}, 60_000);

async function open(): Promise<WireClient> {
  const client = await WireClient.open(gateway.address);
  clients.push(client);
  return client;
}

const bound = (portal: string, text: string) =>
  join(
    frame('P', cstr(''), cstr(text), i16(0)),
    frame('B', cstr(portal), cstr(''), i16(0), i16(0), i16(0)),
  );
const some = (portal: string, rows: number) => frame('E', cstr(portal), i32(rows));
const sync = frame('S');

/** Every step but the last must succeed. */
async function last(client: WireClient, steps: readonly (string | Uint8Array)[]): Promise<Answer> {
  let answer: Answer | undefined;
  for (const step of steps) {
    expect(answer?.error ?? null).toBeNull();
    answer = await client.raw(typeof step === 'string' ? query(step) : step);
    expect(answer.bytes.toString('latin1')).not.toMatch(/zvqkxw|kqjzvx|wxzqjv/);
  }
  if (answer === undefined) throw new Error('no steps');
  return answer;
}

describe('a portal that has its rows already', () => {
  it.each([
    ['EXECUTE', `PREPARE z AS ${DERIVED}`, 'EXECUTE z', ['DEALLOCATE z', `PREPARE z AS ${CLEAN}`]],
    [
      'FETCH',
      `DECLARE z CURSOR FOR ${DERIVED}`,
      'FETCH 4 FROM z',
      ['CLOSE z', `DECLARE z CURSOR FOR ${CLEAN}`],
    ],
  ])('is not continued under what its %s names by now', async (_name, make, text, swap) => {
    const answer = await last(await open(), [
      'BEGIN',
      make,
      join(bound('p', text), some('p', 1), sync),
      ...swap,
      join(some('p', 2), sync),
    ]);
    expect(answer.rows).toEqual([]);
    expect(answer.error).toMatchObject(REFUSED);
  });
});

describe('a name that another table has taken since', () => {
  it('does not show the rows of a held cursor', async () => {
    const answer = await last(await open(), [
      'CREATE TEMP TABLE other (x int)',
      `DECLARE c CURSOR WITH HOLD FOR ${DERIVED}`,
      'CREATE TEMP TABLE people (email text)',
      'FETCH 3 FROM c',
    ]);
    expect(answer.error).toMatchObject(REFUSED);
  });

  it.each([
    ['cursor', `DECLARE c CURSOR FOR ${DERIVED}`, 'FETCH 2 FROM c'],
    ['bound portal', join(bound('c', DERIVED), sync), join(some('c', 2), sync)],
    ['suspended portal', join(bound('c', DERIVED), some('c', 1), sync), join(some('c', 2), sync)],
  ])('does not show those of a %s, created in another session', async (_name, opening, reading) => {
    const client = await open();
    await last(client, ['SET search_path = hr, public', 'BEGIN', opening]);
    try {
      await last(await open(), ['CREATE TABLE hr.people (email text)', 'SELECT 1 FROM hr.people']);
      const answer = await last(client, [reading]);
      expect(answer.error).toMatchObject(REFUSED);
    } finally {
      await server.admin.query('DROP TABLE hr.people');
      await gateway.refresh();
    }
  });

  it('leaves alone what reads the same as before', async () => {
    const client = await open();
    await last(client, [
      'BEGIN',
      `DECLARE c CURSOR FOR ${DERIVED}`,
      join(bound('p', DERIVED), some('p', 1), sync),
    ]);
    await last(await open(), ['CREATE TABLE crm.unrelated (x int)', 'TABLE crm.unrelated']);
    expect((await last(client, [join(some('p', 2), sync)])).rows).toEqual([
      ['[masked]'],
      ['[masked]'],
    ]);
    expect((await last(client, ['FETCH 2 FROM c'])).rows).toEqual([['[masked]'], ['[masked]']]);
    await last(client, ['COMMIT', 'DROP TABLE crm.unrelated']);
  });
});
