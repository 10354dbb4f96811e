// The leak corpus through policy, lineage, masks and engine, to a real Postgres: nothing may leak, whatever way a statement is
// sent, and outcomes.txt says what becomes of each: masked or refused, and with which code.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS } from '../fixtures/masking/corpus.ts';
import { outcomeOf, Seat, type Outcome } from '../support/masking-cases.ts';
import { startMaskingGateway, type MaskingGateway } from '../support/masking-runner.ts';
import { startMaskingServer, type MaskingServer } from '../support/masking-server.ts';

let server: MaskingServer;
let gateway: MaskingGateway;
let direct: Seat;
let through: Seat;
const recorded: string[] = [];

beforeAll(async () => {
  server = await startMaskingServer();
  gateway = await startMaskingGateway(server.server.port);
  direct = new Seat(server.direct);
  through = new Seat(gateway.address);
}, 120_000);

afterAll(async () => {
  direct?.close();
  through?.close();
  await gateway?.close();
  await server?.stop();
}, 60_000);

const word = (outcome: Outcome) => (outcome.kind === 'refused' ? outcome.code : outcome.kind);

describe.each([...new Set(CORPUS.map(({ category }) => category))])('%s', (category) => {
  it.each(CORPUS.filter((leak) => leak.category === category))('$name', async (leak) => {
    const outcomes = [];
    for (const mode of leak.modes) {
      const outcome = await outcomeOf(through, direct, leak, mode);
      if (leak.undo !== '') {
        await server.admin.query(leak.undo);
        await gateway.refresh();
      }
      outcomes.push(outcome);
    }
    const leaked = outcomes.flatMap((outcome, at) =>
      outcome.kind === 'leaked' ? [`${leak.modes[at]}: ${outcome.how}`] : [],
    );
    expect(leaked).toEqual([]);
    recorded.push(`${category}: ${leak.name}: ${[...new Set(outcomes.map(word))].join(', ')}`);
  });
});

it('comes out as recorded', async () => {
  const counts = new Map<string, number>();
  for (const line of recorded) {
    const outcome = line.slice(line.lastIndexOf(': ') + 2);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  const summary = [...counts].sort(([, a], [, b]) => b - a).map(([word, n]) => `${n} ${word}`);
  const text = `${summary.join('\n')}\n\n${recorded.join('\n')}\n`;
  await expect(text).toMatchFileSnapshot('../fixtures/masking/outcomes.txt');
});
