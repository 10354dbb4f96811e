// What people and programs ask all day, through the gateway with masks in force: the server's own answers, masked cells
// excepted.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INTROSPECTION_EVERYDAY } from '../fixtures/masking/everyday-introspection.ts';
import { QUERY_EVERYDAY } from '../fixtures/masking/everyday-queries.ts';
import { Seat } from '../support/masking-cases.ts';
import { differences } from '../support/masking-everyday.ts';
import { startMaskingGateway, type MaskingGateway } from '../support/masking-runner.ts';
import { startMaskingServer, type MaskingServer } from '../support/masking-server.ts';

const EVERYDAY = [...QUERY_EVERYDAY, ...INTROSPECTION_EVERYDAY];
let server: MaskingServer;
let gateway: MaskingGateway;
let direct: Seat;
let through: Seat;

beforeAll(async () => {
  server = await startMaskingServer();
  gateway = await startMaskingGateway(server.server.port);
  // As the same role, or what depends on it would differ.
  direct = new Seat(server.asOwner);
  through = new Seat(gateway.address);
}, 120_000);

afterAll(async () => {
  direct?.close();
  through?.close();
  await gateway?.close();
  await server?.stop();
}, 60_000);

describe.each([...new Set(EVERYDAY.map(({ category }) => category))])('%s', (category) => {
  it.each(EVERYDAY.filter((row) => row.category === category))('$name', async (row) => {
    const found: string[] = [];
    for (const mode of row.modes) {
      const expected = await direct.run(row.statements, mode);
      const actual = await through.run(row.statements, mode);
      if (actual.canary !== null) found.push(`${mode}: leaks ${JSON.stringify(actual.canary)}`);
      found.push(
        ...differences(row, expected.answers, actual.answers).map((text) => `${mode}: ${text}`),
      );
    }
    expect(found).toEqual([]);
  });
});
