// The count of limits: never more than a limit in any window, whatever sessions do, report or forget to report; and never
// less than it for long.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Book, LateCall } from '../../../core/quota/book.ts';
import {
  BATCH_GRACE_MS,
  BATCH_MS,
  PLACE_MS,
  type CountedLimit,
  type QuotaAnswer,
} from '../../../core/quota/quota.ts';
import { ACTIONS, ROWS, roomAt, Window } from '../../../core/quota/window.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const HELD_MS = BATCH_MS + BATCH_GRACE_MS;

const limit = (more: Partial<CountedLimit>): CountedLimit => ({
  key: 'k',
  sessions: null,
  actionsPerMinute: null,
  rowsPerHour: null,
  ...more,
});

/** One session of a book, as durable-objects/allowance.ts speaks to it. */
class Caller {
  readonly #book: Book;
  readonly #name: string;
  #call = 0;
  #seq = 0;

  constructor(book: Book, name: string) {
    this.#book = book;
    this.#name = name;
  }

  take(limits: readonly CountedLimit[], at: number, more: Partial<Ask> = {}): QuotaAnswer {
    const { cost = 1, actions = cost, rows = 1, used = 0, usedRows = 0 } = more;
    const usage = { call: ++this.#call, seq: ++this.#seq, actions: used, rows: usedRows };
    return this.#book.take({ session: this.#name, limits, usage, cost, actions, rows }, at);
  }

  settle(at: number, used = 0, usedRows = 0): void {
    const usage = { call: ++this.#call, seq: ++this.#seq, actions: used, rows: usedRows };
    this.#book.settle(this.#name, usage, at);
  }

  /** The last report again: its answer never came. */
  repeat(at: number, used = 0, usedRows = 0): void {
    const usage = { call: ++this.#call, seq: this.#seq, actions: used, rows: usedRows };
    this.#book.settle(this.#name, usage, at);
  }

  enter(limits: readonly CountedLimit[], at: number) {
    return this.#book.enter(this.#name, ++this.#call, limits, at);
  }

  leave(at: number): void {
    const usage = { call: ++this.#call, seq: ++this.#seq, actions: 0, rows: 0 };
    this.#book.leave(this.#name, usage, at);
  }
}

interface Ask {
  readonly cost: number;
  readonly actions: number;
  readonly rows: number;
  readonly used: number;
  readonly usedRows: number;
}

describe('a window', () => {
  it.each([
    ['actions', ACTIONS, 60_000],
    ['rows', ROWS, 3_600_000],
  ] as const)('of %s counts a use for its whole span and a slot at most', (_name, shape, span) => {
    const window = new Window(shape);
    window.add(NOW + 1, 3);
    expect(window.used(NOW + 1 + span)).toBe(3);
    expect(window.used(NOW + span + shape.slotMs)).toBe(0);
    expect(window.empty).toBe(true);
  });

  it.each<[string, readonly (readonly [number, number])[], number, number | null]>([
    ['there is', [[10, 1]], 1, 0],
    [
      'the first one ends',
      [
        [20, 2],
        [10, 1],
      ],
      2,
      10,
    ],
    [
      'both end',
      [
        [20, 2],
        [10, 1],
      ],
      0,
      20,
    ],
    ['it never fits', [[10, 1]], -1, null],
  ])('has room when %s', (_name, counted, most, at) => {
    expect(
      roomAt(
        counted.map(([untilMs, count]) => ({ untilMs, count })),
        most,
      ),
    ).toBe(at);
  });
});

describe('actions', () => {
  const ten = [limit({ actionsPerMinute: 10 })];

  it('are given as long as there are any, and refused with the time until there are again', () => {
    const a = new Caller(new Book(), 'a');
    for (let n = 0; n < 10; n++) {
      expect(a.take(ten, NOW + n * 100, { used: n === 0 ? 0 : 1 })).toEqual({
        kind: 'granted',
        actions: 1,
        rows: null,
      });
    }
    // The tenth is reported, and so counts from now on.
    expect(a.take(ten, NOW + 5_000, { used: 1 })).toEqual({
      kind: 'refused',
      key: 'k',
      limit: 'actionsPerMinute',
      most: 10,
      againMs: 56_000,
    });
    expect(a.take(ten, NOW + 60_999).kind).toBe('refused');
    expect(a.take(ten, NOW + 61_000).kind).toBe('granted');
  });

  it('in a batch are at most a tenth of the limit, and of what is left', () => {
    const many = [limit({ actionsPerMinute: 600 })];
    const book = new Book();
    const want = { actions: 1_000 };
    expect(new Caller(book, 'a').take(many, NOW, want)).toMatchObject({ actions: 60 });
    expect(new Caller(book, 'b').take(many, NOW, want)).toMatchObject({ actions: 54 });
  });

  it('that are out with others may come back', () => {
    const book = new Book();
    const [a, b] = [new Caller(book, 'a'), new Caller(book, 'b')];
    const one = [limit({ actionsPerMinute: 1 })];
    expect(a.take(one, NOW).kind).toBe('granted');
    expect(b.take(one, NOW)).toEqual({ kind: 'later' });
    a.settle(NOW + 10, 0);
    expect(b.take(one, NOW + 20).kind).toBe('granted');
  });

  it('count as used when nobody reports on them in time, and once', () => {
    const book = new Book();
    const [a, b] = [new Caller(book, 'a'), new Caller(book, 'b')];
    const one = [limit({ actionsPerMinute: 1 })];
    a.take(one, NOW);
    expect(b.take(one, NOW + HELD_MS).kind).toBe('refused');
    a.settle(NOW + HELD_MS + 1_000, 1);
    expect(b.take(one, NOW + HELD_MS + 61_000).kind).toBe('granted');
  });

  it.each([
    ['nothing', (a: Caller) => a.settle(NOW + 80_000)],
    ['what was reported before', (a: Caller) => a.repeat(NOW + 80_000)],
  ])(
    'that lapsed are not set off against later ones, when %s is reported of them',
    (_name, end) => {
      const a = new Caller(new Book(), 'a');
      const one = [limit({ actionsPerMinute: 1 })];
      a.take(one, NOW);
      end(a);
      expect(a.take(one, NOW + 80_000).kind).toBe('granted');
      expect(a.take(one, NOW + 80_000, { used: 1 }).kind).toBe('refused');
    },
  );

  it('reported twice count once', () => {
    const book = new Book();
    const a = new Caller(book, 'a');
    const two = [limit({ actionsPerMinute: 2 })];
    a.take(two, NOW);
    a.settle(NOW, 1);
    a.repeat(NOW, 1);
    expect(a.take(two, NOW).kind).toBe('granted');
  });

  it('are counted by every entry, and the strictest wins', () => {
    const a = new Caller(new Book(), 'a');
    const both = [
      limit({ key: 'loose', actionsPerMinute: 100 }),
      limit({ key: 'tight', actionsPerMinute: 1 }),
    ];
    expect(a.take(both, NOW, { actions: 50 })).toMatchObject({ actions: 1 });
    expect(a.take(both, NOW, { used: 1 })).toMatchObject({ kind: 'refused', key: 'tight' });
  });

  it('are counted over targets: entries of one key are one count', () => {
    const book = new Book();
    const shared = limit({ actionsPerMinute: 1 });
    new Caller(book, 'a').take([shared], NOW);
    const other = [limit({ key: 'own', actionsPerMinute: 5 }), shared];
    expect(new Caller(book, 'b').take(other, NOW)).toEqual({ kind: 'later' });
  });

  it('that never fit are refused without a time', () => {
    const a = new Caller(new Book(), 'a');
    expect(a.take(ten, NOW, { cost: 11 })).toMatchObject({ kind: 'refused', againMs: null });
    expect(a.take(ten, NOW, { cost: 10 })).toMatchObject({ kind: 'granted', actions: 10 });
  });

  it('are counted by the number in force', () => {
    const a = new Caller(new Book(), 'a');
    for (let n = 0; n < 5; n++) a.take(ten, NOW, { used: n === 0 ? 0 : 1 });
    expect(a.take([limit({ actionsPerMinute: 5 })], NOW, { used: 1 }).kind).toBe('refused');
    expect(a.take(ten, NOW).kind).toBe('granted');
  });

  it('asked for by a call that was overtaken are not given', () => {
    const book = new Book();
    const usage = { call: 2, seq: 1, actions: 0, rows: 0 };
    const ask = { session: 'a', limits: ten, usage, cost: 1, actions: 1, rows: 1 };
    book.take(ask, NOW);
    expect(() => book.take({ ...ask, usage: { ...usage, call: 1 } }, NOW)).toThrow(LateCall);
  });
});

describe('rows', () => {
  const hundred = [limit({ rowsPerHour: 100 })];

  it('that are used up let what runs finish, and nothing begin', () => {
    const a = new Caller(new Book(), 'a');
    expect(a.take(hundred, NOW)).toMatchObject({ kind: 'granted', actions: null, rows: 1 });
    expect(a.take(hundred, NOW, { usedRows: 99 })).toMatchObject({ kind: 'granted' });
    const refused = a.take(hundred, NOW, { usedRows: 5_000 });
    expect(refused).toMatchObject({ kind: 'refused', limit: 'rowsPerHour', most: 100 });
    expect(a.take(hundred, NOW + 3_600_000).kind).toBe('refused');
    expect(a.take(hundred, NOW + 3_660_000).kind).toBe('granted');
  });

  it('that come long after their batch count all the same', () => {
    const book = new Book();
    const [a, b] = [new Caller(book, 'a'), new Caller(book, 'b')];
    a.take(hundred, NOW);
    a.settle(NOW + 1_500);
    a.settle(NOW + 100_000, 0, 100);
    expect(b.take(hundred, NOW + 100_000).kind).toBe('refused');
  });
});

describe('places', () => {
  const two = [limit({ sessions: 2 })];

  it('are as many as the limit has, and free when their session leaves or dies', () => {
    const book = new Book();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => new Caller(book, name));
    expect(a?.enter(two, NOW)).toBeNull();
    expect(b?.enter(two, NOW)).toBeNull();
    expect(c?.enter(two, NOW)).toMatchObject({ kind: 'refused', limit: 'sessions', most: 2 });
    a?.leave(NOW);
    expect(c?.enter(two, NOW + 1)).toBeNull();
    expect(d?.enter(two, NOW + PLACE_MS - 1)).not.toBeNull();
    expect(c?.enter(two, NOW + PLACE_MS - 1)).toBeNull();
    expect(d?.enter(two, NOW + PLACE_MS)).toBeNull();
  });

  it('go to the oldest when there are fewer', () => {
    const book = new Book();
    const [a, b] = ['a', 'b'].map((name) => new Caller(book, name));
    a?.enter(two, NOW);
    b?.enter(two, NOW + 1);
    const one = [limit({ sessions: 1 })];
    expect(b?.enter(one, NOW + 2)).not.toBeNull();
    expect(a?.enter(one, NOW + 2)).toBeNull();
  });
});

it('a count that was kept goes on where it was', () => {
  const book = new Book();
  const one = [limit({ actionsPerMinute: 2, sessions: 1 })];
  const a = new Caller(book, 'a');
  a.enter(one, NOW);
  a.take(one, NOW);
  a.take(one, NOW, { used: 1 });
  const { sessions, uses } = book.changes();
  const again = new Book(sessions, uses);
  const b = new Caller(again, 'b');
  expect(b.take(one, NOW)).toEqual({ kind: 'later' });
  expect(b.enter(one, NOW)).not.toBeNull();
  expect(b.take(one, NOW + HELD_MS).kind).toBe('refused');
  expect(again.countsUntil(NOW + HELD_MS)).toBeGreaterThan(NOW + 60_000);
  const day = 24 * 3_600_000;
  expect(again.countsUntil(NOW + 2 * day)).toBe(0);
});

/** What sessions may do: use some of their batch, ask for more, give back, die without a word; and time passes. */
const steps = fc.array(
  fc.record({
    session: fc.nat({ max: 4 }),
    what: fc.constantFrom(
      'use',
      'use',
      'use',
      'take',
      'take',
      'take',
      'giveBack',
      'die',
      'restart',
    ),
    wait: fc.oneof(
      { weight: 8, arbitrary: fc.nat({ max: 300 }) },
      { weight: 2, arbitrary: fc.nat({ max: 6_000 }) },
      { weight: 1, arbitrary: fc.constantFrom(40_000, 58_000) },
    ),
    size: fc.integer({ min: 1, max: 40 }),
  }),
  { minLength: 60, maxLength: 150, size: 'max' },
);

it('no window of a minute ever holds more actions than the limit', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 12 }), (script, most) => {
      const limits = [limit({ actionsPerMinute: most })];
      let book = new Book();
      const kept = { sessions: new Map(), uses: new Map() } as {
        sessions: Map<string, ReturnType<Book['changes']>['sessions'][number]>;
        uses: Map<string, ReturnType<Book['changes']>['uses'][number]>;
      };
      const keep = () => {
        const { sessions, gone, uses } = book.changes();
        for (const row of sessions) kept.sessions.set(row.session, row);
        for (const name of gone) kept.sessions.delete(name);
        for (const row of uses) kept.uses.set(`${row.key} ${row.unit} ${row.slot}`, row);
      };
      const callers = new Map<
        number,
        { call: number; seq: number; left: number; used: number; until: number; name: string }
      >();
      let lives = 0;
      let now = NOW;
      const ran: number[] = [];
      for (const { session, what, wait, size } of script) {
        now += wait;
        const me = callers.get(session) ?? {
          call: 0,
          seq: 0,
          left: 0,
          used: 0,
          until: 0,
          name: `s${++lives}`,
        };
        callers.set(session, me);
        switch (what) {
          case 'use':
            for (let n = 0; n < size && me.left > 0 && now < me.until; n++) {
              me.left -= 1;
              me.used += 1;
              ran.push(now);
            }
            break;
          case 'take': {
            const usage = { call: ++me.call, seq: ++me.seq, actions: me.used, rows: 0 };
            const ask = { session: me.name, limits, usage, cost: 1, actions: size, rows: 1 };
            const answer = book.take(ask, now);
            keep();
            me.used = 0;
            me.left = answer.kind === 'granted' ? (answer.actions ?? 0) : 0;
            me.until = now + BATCH_MS;
            break;
          }
          case 'giveBack':
            book.settle(
              me.name,
              { call: ++me.call, seq: ++me.seq, actions: me.used, rows: 0 },
              now,
            );
            keep();
            me.used = 0;
            me.left = 0;
            break;
          case 'die':
            callers.delete(session);
            break;
          default:
            book = new Book([...kept.sessions.values()], [...kept.uses.values()]);
        }
      }
      for (const end of ran) {
        const within = ran.filter((at) => at > end - 60_000 && at <= end).length;
        expect(within).toBeLessThanOrEqual(most);
      }
      // And nothing is lost for good.
      const usage = { call: 1, seq: 1, actions: 0, rows: 0 };
      const ask = { session: 'late', limits, usage, cost: most, actions: most, rows: 1 };
      expect(book.take(ask, now + HELD_MS + 61_000).kind).toBe('granted');
    }),
    { numRuns: 1_500 },
  );
});
