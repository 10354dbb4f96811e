// Runs one row of the leak corpus against an address and says what came of it.
import { canaryIn } from '../fixtures/masking/canaries.ts';
import type { Leak } from '../fixtures/masking/leak.ts';
import {
  WireClient,
  type Answer,
  type Mode,
  type Statement,
  type WireAddress,
} from './masking-wire.ts';

export interface Run {
  readonly answers: readonly Answer[];
  /** The first canary in anything that was received. */
  readonly canary: string | null;
  /** The first cell of the last statement that has rows. */
  readonly cell: string | null;
  /** Codes of the gateway's refusals; empty without one. */
  readonly refusals: readonly string[];
}

export async function runStatements(
  address: WireAddress,
  statements: readonly (Statement | string)[],
  mode: Mode,
): Promise<Run> {
  const client = await WireClient.open(address);
  const answers: Answer[] = [];
  for (const statement of statements) answers.push(await client.run(statement, mode));
  client.close();
  const canary =
    answers.map(({ bytes }) => canaryIn(bytes)).find((found) => found !== null) ?? null;
  const cell = answers.findLast(({ rows }) => rows.length > 0)?.rows[0]?.[0] ?? null;
  const refusals = answers.flatMap(
    ({ error }) => /^code (\w+)/.exec(error?.detail ?? '')?.[1] ?? [],
  );
  return { answers, canary, cell, refusals };
}

/** What a guesser sees: rows, tags and kinds of errors. */
export function observed(run: Run): string {
  return JSON.stringify(
    run.answers.map(({ rows, tags, error }) => [rows, tags, error?.code ?? null]),
  );
}

/** Why this row does not leak when it runs at `address`; null: it does. */
export async function whyNoLeak(
  address: WireAddress,
  leak: Leak,
  mode: Mode,
): Promise<string | null> {
  const run = await runStatements(address, leak.statements, mode);
  const said = run.answers.map(({ error }) => error?.message ?? 'ok').join(' | ');
  switch (leak.by) {
    case 'bytes':
      return run.canary === null
        ? `no canary: ${said} ${JSON.stringify(run.answers.at(-1)?.rows).slice(0, 200)}`
        : null;
    case 'cell':
      return run.cell === null || run.cell === '' ? `no cell: ${said}` : null;
    default: {
      const other = await runStatements(address, leak.against, mode);
      return observed(run) === observed(other)
        ? `both answers are ${observed(run).slice(0, 200)}: ${said}`
        : null;
    }
  }
}
