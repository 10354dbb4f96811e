// What maskers put in place of values is read back by a real Postgres, in text and in binary; and what its own COPY and
// result formats are is not taken from our reading of the manual alone.
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { MASK_KINDS, type MaskKind } from '../../../core/masking/mask.ts';
import { createMaskers } from '../../../core/masking/maskers/maskers.ts';
import { createRowMasker } from '../../../core/postgres/masked-rows.ts';
import { OWNER, SERVERS, type RealPostgres } from '../../contract/real-postgres.ts';
import { i16, i32, join, text } from './wire.ts';

let server: RealPostgres;
let client: Client;

beforeAll(async () => {
  server = await SERVERS[0]![1]();
  client = new Client({ host: '127.0.0.1', port: server.port, database: 'postgres', ...OWNER });
  await client.connect();
  await client.query("SET timezone = 'UTC'");
}, 60_000);
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

const tools = {
  maskers: createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto }),
  detect: [],
};

function masked(
  kind: MaskKind,
  typeOid: number,
  format: number,
  cell: Uint8Array,
): Uint8Array | null {
  const plan = { treatment: 'mask', kind, name: 'c', origins: new Set<string>() } as const;
  const masker = createRowMasker([plan], [{ typeOid, format }], tools);
  const row = masker.mask(join(i16(1), i32(cell.length), cell)).slice();
  return new DataView(row.buffer).getInt32(2) === -1 ? null : row.subarray(6);
}

const VALUES: readonly (readonly [type: string, value: string])[] = [
  ['smallint', '-32768'],
  ['integer', '2147483647'],
  ['bigint', '9223372036854775807'],
  ['oid', '4294967295'],
  ['real', '3.25'],
  ['double precision', '-1234567.125'],
  ['numeric', '-98765432109876543210.000120'],
  ['numeric', '0.00004200'],
  ['numeric', '120000000'],
  ['boolean', 'true'],
  ['text', 'Ada Lovelace é'],
  ['varchar(40)', 'ada@lovelace.org'],
  ['character(20)', 'Ada Lovelace'],
  ['name', 'a_name_here'],
  ['bytea', '\\xdeadbeef'],
  ['date', '1815-12-10'],
  ['time', '12:34:56.78'],
  ['timetz', '12:34:56+02'],
  ['timestamp', '1815-12-10 01:02:03.5'],
  ['timestamptz', '2020-02-29 23:59:59+00'],
  ['uuid', '6f1b8f7e-0000-4000-8000-000000000001'],
  ['json', '{"a": [1, "x"]}'],
  ['jsonb', '{"a": [1, "x"]}'],
  ['inet', '192.0.2.1'],
  ['interval', '3 days'],
  ['text[]', '{"Ada Lovelace",NULL,"x\\"y"}'],
  ['integer[]', '{{1,2},{3,4}}'],
  ['jsonb[]', '{"{\\"a\\": 1}"}'],
  ['uuid[]', '{6f1b8f7e-0000-4000-8000-000000000001}'],
  ['int4range', '[1,5)'],
];

/** bind with parameters in binary is what pg does for a Buffer, whatever the type. */
async function readBack(type: string, cell: Uint8Array, binary: boolean): Promise<string> {
  const value = binary ? Buffer.from(cell) : new TextDecoder().decode(cell);
  const { rows } = await client.query<{ v: string }>(`SELECT $1::${type}::text AS v`, [value]);
  return rows[0]!.v;
}

test.each(VALUES)('%s %s: every kind gives a value of the type', async (type, value) => {
  const { rows } = await client.query<{ oid: number; send: string }>(
    'SELECT oid::bigint::int AS oid, typsend::text AS send FROM pg_type WHERE oid = $1::regtype',
    [type],
  );
  const { oid: typeOid, send } = rows[0]!;
  // pg reads no binary results: the server's own send function says what one would be.
  const plain = await client.query<{ v: string; b: Buffer }>(
    `SELECT ($1::${type})::text AS v, ${send}($1::${type}) AS b`,
    [value],
  );
  const binary = plain.rows[0]!.b;
  for (const kind of MASK_KINDS) {
    const fromText = masked(kind, typeOid, 0, text(plain.rows[0]!.v));
    const fromBinary = masked(kind, typeOid, 1, new Uint8Array(binary));
    expect(fromBinary === null, `${kind}: NULL in one format only`).toBe(fromText === null);
    if (fromText === null || fromBinary === null) continue;
    const seen = await readBack(type, fromText, false);
    // Both formats show the same, however the value was described.
    expect(await readBack(type, fromBinary, true), kind).toBe(seen);
    expect(seen).not.toBe(plain.rows[0]!.v);
  }
});
