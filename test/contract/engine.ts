// What every engine promises (core/engine.ts), as tests that know no protocol. A protocol hands in whole conversations and
// hostile beginnings; the suite cuts them, holds decisions back, and looks at what the engine asks of its driver.
import { array, assert, boolean, constantFrom, nat, property, tuple, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../core/decision.ts';
import type { Effect, Engine, TargetLogin } from '../../core/engine.ts';
import type { ModelFinding } from '../../core/masking/detect/model.ts';

export type Side = 'client' | 'server';
export type Step = readonly [from: Side, bytes: Uint8Array];

export interface EngineContract {
  readonly name: string;
  create(): Engine;
  readonly login: TargetLogin;
  /** Steps after which the session stands and nothing is under way. */
  readonly established: readonly Step[];
  /** Conversations from an established session, each ending with nothing under way. */
  readonly conversations: readonly (readonly [name: string, steps: readonly Step[]])[];
  /** One action of a client in an established session that a decision can hold. */
  readonly action: Uint8Array;
  /** From the beginning, or from an established session: bytes that must end the session and reach nobody. */
  readonly hostile: readonly (readonly [name: string, at: 'start' | 'established', step: Step])[];
  readonly decide: (effect: Extract<Effect, { kind: 'decide' }>) => Decision;
  /** What a model would find; null where it cannot be asked. Left out: no conversation asks one. */
  readonly analyze?: (effect: Analyze) => readonly (readonly ModelFinding[])[] | null;
  /** In the server's bytes of these conversations, and never to be in the client's. */
  readonly canary?: Uint8Array;
}

export type Analyze = Extract<Effect, { kind: 'analyze' }>;

function nth<T>(list: readonly T[], position: number): T {
  const found = list.at(position);
  if (found === undefined) throw new Error(`nothing at ${position}`);
  return found;
}

const ALLOW: Decision = { kind: 'allow', rules: ['contract'], revision: 1, observed: [] };

/** Performs effects at once and keeps a trace. */
class Run {
  readonly engine: Engine;
  readonly effects: Effect[] = [];
  readonly held: Extract<Effect, { kind: 'decide' }>[] = [];
  readonly analyses: Analyze[] = [];
  readonly #contract: EngineContract;
  /** Models do not answer. */
  holdAnalyses = false;
  /** Decisions are left open. */
  hold = false;

  constructor(contract: EngineContract) {
    this.#contract = contract;
    this.engine = contract.create();
  }

  feed(steps: readonly Step[]): this {
    for (const [from, bytes] of steps) {
      // The engine may not keep the chunk: its owner uses it again.
      const lent = bytes.slice();
      this.perform(from === 'client' ? this.engine.fromClient(lent) : this.engine.fromServer(lent));
      lent.fill(0xa5);
    }
    return this;
  }

  perform(effects: readonly Effect[]): this {
    for (const effect of effects) {
      this.effects.push(
        effect.kind === 'send' ? { ...effect, bytes: effect.bytes.slice() } : effect,
      );
      switch (effect.kind) {
        case 'authenticate':
          this.perform(this.engine.authenticated({ ok: true }));
          break;
        case 'dial':
          this.perform(this.engine.dialled(this.#contract.login));
          break;
        case 'decide':
          if (this.hold) this.held.push(effect);
          else this.perform(this.engine.decided(effect.id, this.#contract.decide(effect)));
          break;
        case 'analyze':
          if (this.holdAnalyses) this.analyses.push(effect);
          else
            this.perform(this.engine.analyzed(effect.id, this.#contract.analyze?.(effect) ?? null));
          break;
        default:
      }
    }
    return this;
  }

  get closed(): boolean {
    return this.effects.some((effect) => effect.kind === 'close');
  }

  sent(to: Side): Buffer {
    return Buffer.concat(
      this.effects.flatMap((effect) =>
        effect.kind === 'send' && effect.to === to ? [effect.bytes] : [],
      ),
    );
  }

  /**
   * What must not depend on where a stream was cut: everything in order with neighbouring bytes for the server joined, and
   * all bytes for the client. Where those stand between journal records is left open: they may come in earlier pieces.
   */
  trace(): unknown[] {
    const trace: unknown[] = [];
    let toServer = '';
    const flush = () => {
      if (toServer !== '') trace.push({ toServer });
      toServer = '';
    };
    for (const effect of this.effects) {
      if (effect.kind === 'send') {
        if (effect.to === 'server') toServer += Buffer.from(effect.bytes).toString('hex');
        continue;
      }
      flush();
      trace.push(effect);
    }
    flush();
    trace.push({ toClient: this.sent('client').toString('hex') });
    // As plain data: effects may hold views and shared objects, and it is their content that counts.
    return JSON.parse(JSON.stringify(trace)) as unknown[];
  }
}

export function describeEngine(contract: EngineContract): void {
  const fresh = () => new Run(contract);
  const established = () => fresh().feed(contract.established);

  describe(`${contract.name} as an engine`, () => {
    const whole = (steps: readonly Step[]) => [...contract.established, ...steps];

    it.each(contract.conversations)(
      'does the same wherever the stream is cut: %s',
      (_name, steps) => {
        const all = whole(steps);
        const run = fresh().feed(all);
        const expected = run.trace();
        // Every other cut gives the same bytes, so this speaks for all of them.
        if (contract.canary !== undefined) {
          expect(run.sent('client').includes(Buffer.from(contract.canary))).toBe(false);
        }
        for (const [at, [from, bytes]] of all.entries()) {
          for (let cut = 1; cut < bytes.length; cut++) {
            const pieces: Step[] = [
              [from, bytes.subarray(0, cut)],
              [from, bytes.subarray(cut)],
            ];
            const actual = fresh()
              .feed([...all.slice(0, at), ...pieces, ...all.slice(at + 1)])
              .trace();
            if (JSON.stringify(actual) !== JSON.stringify(expected)) {
              expect({ step: at, cut, trace: actual }).toEqual({ step: at, cut, trace: expected });
            }
          }
        }
      },
    );

    it.each(contract.conversations)('does the same byte by byte: %s', (_name, steps) => {
      const all = whole(steps);
      const bytes = all.flatMap(([from, b]): Step[] =>
        [...b].map((byte) => [from, new Uint8Array([byte])]),
      );
      expect(fresh().feed(bytes).trace()).toEqual(fresh().feed(all).trace());
    });

    it.each(contract.conversations)(
      'ends with nothing under way and the session alive: %s',
      (_name, steps) => {
        const run = fresh().feed(whole(steps));
        expect(run.closed).toBe(false);
        const actions = run.effects.flatMap((e) => (e.kind === 'record' ? [e.event] : []));
        const intents = actions.filter((e) => e.kind === 'intent').map((e) => e.action);
        const outcomes = actions.filter((e) => e.kind === 'outcome').map((e) => e.action);
        expect(outcomes.sort((a, b) => a - b)).toEqual(intents.sort((a, b) => a - b));
      },
    );

    it('records an intent before the first byte of its action', () => {
      const run = established();
      const before = run.effects.length;
      run.feed([['client', contract.action]]);
      const after = run.effects.slice(before);
      const intent = after.findIndex((e) => e.kind === 'record' && e.event.kind === 'intent');
      const sent = after.findIndex((e) => e.kind === 'send' && e.to === 'server');
      expect(intent).toBeGreaterThanOrEqual(0);
      expect(sent).toBeGreaterThan(intent);
    });

    it('sends nothing to the server between a decision asked for and made', () => {
      const run = established();
      run.hold = true;
      const before = run.sent('server').length;
      run.feed([['client', contract.action]]);
      expect(run.held.length).toBe(1);
      for (let i = 0; i < 3; i++) run.feed([['client', contract.action]]);
      run.perform(run.engine.notify('please wait'));
      expect(run.sent('server').length).toBe(before);
      run.perform(run.engine.decided(nth(run.held, 0).id + 1000, ALLOW));
      expect(run.sent('server').length).toBe(before);
      run.perform(run.engine.decided(nth(run.held, 0).id, ALLOW));
      expect(run.sent('server').length).toBeGreaterThan(before);
    });

    it('asks for a decision last, after everything that it has sent', () => {
      const run = established();
      const effects = run.engine.fromClient(contract.action.slice());
      expect(effects.at(-1)?.kind).toBe('decide');
    });

    it.each(contract.hostile)('closes at %s', (_name, at, [from, bytes]) => {
      const other = from === 'client' ? 'server' : 'client';
      const start = () => (at === 'start' ? fresh() : established());
      const run = start();
      const before = run.sent(other).length;
      run.feed([[from, bytes]]);
      expect(run.closed).toBe(true);
      const leaked = run.sent(other).subarray(before);
      expect(leaked.length === 0 || !leaked.includes(Buffer.from(bytes))).toBe(true);
      const slow = start().feed([...bytes].map((byte): Step => [from, new Uint8Array([byte])]));
      expect(slow.closed).toBe(true);
    });

    const ends: readonly (readonly [string, (run: Run) => readonly Effect[]])[] = [
      ['shutdown', (run) => run.engine.shutdown('killed', 'over')],
      ['the client leaving', (run) => run.engine.clientClosed()],
      ['the server leaving', (run) => run.engine.serverClosed()],
    ];

    it.each(ends)('does nothing after %s, whatever it is told', (_name, end) => {
      const run = established().feed([['client', contract.action]]);
      run.perform(end(run));
      expect(run.effects.at(-1)?.kind).toBe('close');
      const { engine } = run;
      expect([
        engine.fromClient(contract.action),
        engine.fromServer(contract.action),
        engine.decided(1, ALLOW),
        engine.reconsider(1),
        engine.authenticated({ ok: true }),
        engine.analyzed(1, null),
        engine.dialled(contract.login),
        engine.undialled('target_unreachable'),
        engine.notify('x'),
        engine.shutdown('killed', 'x'),
        engine.clientClosed(),
        engine.serverClosed(),
      ]).toEqual(Array.from({ length: 12 }, () => []));
      expect(engine.cancelRequest()).toBeNull();
    });

    it.each(ends)(
      'records what is not known about an action that was under way at %s',
      (_name, end) => {
        const run = established().feed([['client', contract.action]]);
        run.perform(end(run));
        const last = run.effects.findLast((e) => e.kind === 'record');
        expect(last).toMatchObject({ event: { kind: 'outcome', outcome: 'unknown' } });
      },
    );

    it('survives calls that make no sense yet', () => {
      const { engine } = fresh();
      expect(engine.decided(1, ALLOW)).toEqual([]);
      expect(engine.reconsider(1)).toEqual([]);
      expect(engine.analyzed(1, [])).toEqual([]);
      expect(engine.dialled(contract.login)).toEqual([]);
      expect(engine.authenticated({ ok: true })).toEqual([]);
      expect(engine.cancelRequest()).toBeNull();
      expect(engine.notify('too early').filter((e) => e.kind === 'send')).toEqual([]);
    });

    it('neither throws nor runs wild at any bytes', () => {
      const side = constantFrom<Side>('client', 'server');
      const step = tuple(side, uint8Array({ maxLength: 40 }));
      const mutation = tuple(nat(), nat(), nat(255));
      assert(
        property(
          array(step, { maxLength: 8 }),
          array(mutation, { maxLength: 4 }),
          boolean(),
          nat(),
          (steps, mutations, begun, which) => {
            const [, conversation] = nth(
              contract.conversations,
              which % contract.conversations.length,
            );
            const mutated = conversation.map(([from, bytes]): Step => [from, bytes.slice()]);
            for (const [at, offset, value] of mutations) {
              const bytes = mutated[at % mutated.length]?.[1];
              if (bytes !== undefined && bytes.length > 0) bytes[offset % bytes.length] = value;
            }
            const run = begun ? established().feed(mutated).feed(steps) : fresh().feed(steps);
            const close = run.effects.findIndex((e) => e.kind === 'close');
            if (close !== -1) {
              expect(close).toBe(run.effects.length - 1);
              expect(run.effects[close]).not.toMatchObject({ code: 'internal' });
            }
          },
        ),
        { numRuns: 500 },
      );
    });
  });
}
