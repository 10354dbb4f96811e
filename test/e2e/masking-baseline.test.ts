// The leak corpus without a gateway: every row must leak, or it proves nothing when it does not leak through one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS } from '../fixtures/masking/corpus.ts';
import { Seat, whyNoLeak } from '../support/masking-cases.ts';
import { startMaskingServer, type MaskingServer } from '../support/masking-server.ts';

let server: MaskingServer;
let direct: Seat;

beforeAll(async () => {
  server = await startMaskingServer();
  direct = new Seat(server.direct);
}, 120_000);

afterAll(async () => {
  direct?.close();
  await server?.stop();
}, 60_000);

it('is a corpus of at least 220 statements without two of a name', () => {
  const names = CORPUS.map(({ category, name }) => `${category}: ${name}`);
  expect(names.length).toBeGreaterThanOrEqual(220);
  expect(new Set(names).size).toBe(names.length);
});

describe.each([...new Set(CORPUS.map(({ category }) => category))])('%s', (category) => {
  it.each(CORPUS.filter((leak) => leak.category === category))('$name', async (leak) => {
    // One way of sending it is enough to show that it is a leak.
    const why = await whyNoLeak(direct, leak, leak.modes[0] ?? 'simple');
    if (leak.undo !== '') await server.admin.query(leak.undo);
    expect(why).toBeNull();
  });
});
