// Runs rows of the leak corpus at an address, one connection after the other's use, and says what came of them.
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

/** A place to run statements at: a session that is made clean after each use, and a new one where that did not work. */
export class Seat {
  readonly #address: WireAddress;
  #client: WireClient | null = null;

  constructor(address: WireAddress) {
    this.#address = address;
  }

  async run(statements: readonly (Statement | string)[], mode: Mode): Promise<Run> {
    const client = (this.#client ??= await WireClient.open(this.#address));
    const answers: Answer[] = [];
    for (const statement of statements) answers.push(await client.run(statement, mode));
    await this.#clean(client);
    const canaries = answers.map(({ bytes }) => canaryIn(bytes));
    return {
      answers,
      canary: canaries.find((found) => found !== null) ?? null,
      cell: answers.findLast(({ rows }) => rows.length > 0)?.rows[0]?.[0] ?? null,
      refusals: answers.flatMap(({ error }) => /^code (\w+)/.exec(error?.detail ?? '')?.[1] ?? []),
    };
  }

  async #clean(client: WireClient): Promise<void> {
    await client.run('ROLLBACK', 'simple');
    const { error } = await client.run('DISCARD ALL', 'simple');
    if (error === null) return;
    client.close();
    this.#client = null;
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }
}

/** What a guesser sees: rows, tags and kinds of errors. */
export function observed(run: Run): string {
  return JSON.stringify(
    run.answers.map(({ rows, tags, error }) => [rows, tags, error?.code ?? null]),
  );
}

/** Why this row does not leak at `seat`, which is the server itself; null: it does. */
export async function whyNoLeak(seat: Seat, leak: Leak, mode: Mode): Promise<string | null> {
  const run = await seat.run(leak.statements, mode);
  const said = run.answers.map(({ error }) => error?.message ?? 'ok').join(' | ');
  switch (leak.by) {
    case 'bytes': {
      const last = JSON.stringify(run.answers.at(-1)?.rows).slice(0, 200);
      return run.canary === null ? `no canary: ${said} ${last}` : null;
    }
    case 'cell':
      return run.cell === null || run.cell === '' ? `no cell: ${said}` : null;
    default: {
      const other = await seat.run(leak.against, mode);
      const same = observed(run) === observed(other);
      return same ? `both answers are ${observed(run).slice(0, 200)}: ${said}` : null;
    }
  }
}

/** What the gateway made of a row. */
export type Outcome =
  | { readonly kind: 'leaked'; readonly how: string }
  /** Answered; what was masked does not tell. */
  | { readonly kind: 'masked' }
  | { readonly kind: 'refused'; readonly code: string };

export async function outcomeOf(
  gateway: Seat,
  direct: Seat,
  leak: Leak,
  mode: Mode,
): Promise<Outcome> {
  const run = await gateway.run(leak.statements, mode);
  if (run.canary !== null) return { kind: 'leaked', how: `canary ${JSON.stringify(run.canary)}` };
  const [code] = run.refusals;
  if (code !== undefined) return { kind: 'refused', code };
  const said = run.answers.map(({ error }) => error?.message ?? 'ok').join(' | ');
  switch (leak.by) {
    case 'bytes':
      return { kind: 'masked' };
    case 'cell': {
      const { cell } = await direct.run(leak.statements, mode);
      return cell === run.cell ? { kind: 'leaked', how: `cell ${cell}` } : { kind: 'masked' };
    }
    default: {
      const other = await gateway.run(leak.against, mode);
      if (observed(run) === observed(other)) return { kind: 'masked' };
      return { kind: 'leaked', how: `the guess shows: ${said}` };
    }
  }
}
