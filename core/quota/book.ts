// The count of one principal's use, for all entries of the policy's limits that concern it. Pure: the time is an argument,
// and what has to be kept is handed out as rows (durable-objects/quota-store.ts keeps them).
//
// The rule behind all of it: what a session could have used counts from before it can be used until after it was. A batch
// counts as a whole from the moment it is given; what its session reports of it counts in the window from the moment of the
// report, which is later than the use; a batch that nobody reports on counts as used, when its time is over.
import {
  BATCH_GRACE_MS,
  BATCH_MS,
  BATCH_SHARE,
  PLACE_MS,
  type CountedLimit,
  type QuotaAnswer,
  type QuotaAsk,
  type QuotaRefusal,
  type Usage,
} from './quota.ts';
import { ACTIONS, ROWS, roomAt, Window, type Counted } from './window.ts';

/** What is known of one session. Everything here outlives the object's memory. */
export interface SessionRow {
  readonly session: string;
  /** Order of arrival: a lowered limit lets the oldest go on. */
  readonly entered: number;
  readonly placeUntil: number;
  readonly placeKeys: readonly string[];
  readonly call: number;
  readonly seq: number;
  readonly batchActions: number;
  readonly batchRows: number;
  readonly batchUntil: number;
  /** Of the batch: the entries that count its actions and its rows. */
  readonly actionKeys: readonly string[];
  readonly rowKeys: readonly string[];
  /** Counted as used because nobody reported in time. */
  readonly lapsedActions: number;
  readonly lapsedRows: number;
  readonly seenAt: number;
}

export type Unit = 'actions' | 'rows';

export interface UseRow {
  readonly key: string;
  readonly unit: Unit;
  readonly slot: number;
  readonly count: number;
  readonly untilMs: number;
}

/** What changed since it was last asked for. */
export interface BookChanges {
  readonly sessions: readonly SessionRow[];
  readonly gone: readonly string[];
  readonly uses: readonly UseRow[];
}

/** A call was overtaken by a later one of the same session: answering it would undo what that one was told. */
export class LateCall extends Error {
  override readonly name = 'LateCall';
}

/** A session of which nothing was heard for so long is forgotten. Statements that run longer are not known. */
const FORGET_MS = 24 * 60 * 60_000;

export class Book {
  readonly #sessions = new Map<string, SessionRow>();
  readonly #windows = { actions: new Map<string, Window>(), rows: new Map<string, Window>() };
  readonly #changed = new Set<string>();
  readonly #gone = new Set<string>();
  #uses = new Map<string, UseRow>();
  #arrivals = 0;

  /** As it was kept. */
  constructor(sessions: readonly SessionRow[] = [], uses: readonly UseRow[] = []) {
    for (const row of sessions) {
      this.#sessions.set(row.session, row);
      this.#arrivals = Math.max(this.#arrivals, row.entered);
    }
    for (const { key, unit, slot, count } of uses) this.#window(unit, key).restore(slot, count);
  }

  /**
   * A place among the live sessions, for PLACE_MS; asked for again, the same place for longer. Null: it has one for every
   * entry. A session that had one before is refused where the limit is lower by now and older sessions fill it.
   */
  enter(
    session: string,
    call: number,
    limits: readonly CountedLimit[],
    nowMs: number,
  ): QuotaRefusal | null {
    const known = this.#called(session, call, nowMs);
    const entered = known.entered > 0 ? known.entered : this.#arrivals + 1;
    for (const { key, sessions: most } of limits) {
      if (most === null) continue;
      const mine = holdsPlace(known, key, nowMs);
      const others = [...this.#sessions.values()].filter(
        (other) =>
          other.session !== session &&
          holdsPlace(other, key, nowMs) &&
          (!mine || other.entered < entered),
      );
      if (!(others.length < most)) {
        const againMs = Math.min(...others.map(({ placeUntil }) => placeUntil)) - nowMs;
        return { kind: 'refused', key, limit: 'sessions', most, againMs };
      }
    }
    this.#arrivals = Math.max(this.#arrivals, entered);
    const placeKeys = limits.flatMap(({ key, sessions }) => (sessions === null ? [] : [key]));
    this.#write({ ...known, entered, placeKeys, placeUntil: nowMs + PLACE_MS });
    return null;
  }

  /** Closes the session's batch and gives it another one. */
  take(ask: QuotaAsk, nowMs: number): QuotaAnswer {
    const { session, limits, usage, cost } = ask;
    this.settle(session, usage, nowMs);
    let actions: number | null = null;
    let rows: number | null = null;
    let later = false;
    for (const { key, actionsPerMinute, rowsPerHour } of limits) {
      if (actionsPerMinute !== null) {
        const room = this.#room('actions', key, actionsPerMinute, cost, nowMs);
        if (typeof room === 'object') return room;
        later ||= room === 'later';
        if (typeof room === 'number') {
          actions = Math.min(actions ?? Infinity, share(actionsPerMinute, room, cost, ask.actions));
        }
      }
      if (rowsPerHour !== null) {
        const room = this.#room('rows', key, rowsPerHour, 1, nowMs);
        if (typeof room === 'object') return room;
        later ||= room === 'later';
        if (typeof room === 'number') {
          rows = Math.min(rows ?? Infinity, share(rowsPerHour, room, 1, ask.rows));
        }
      }
    }
    if (later) return { kind: 'later' };
    const known = this.#sessions.get(session) ?? fresh(session, nowMs);
    this.#write({
      ...known,
      batchActions: actions ?? 0,
      batchRows: rows ?? 0,
      batchUntil: nowMs + BATCH_MS + BATCH_GRACE_MS,
      actionKeys: keysWith(limits, 'actionsPerMinute'),
      rowKeys: keysWith(limits, 'rowsPerHour'),
    });
    return { kind: 'granted', actions, rows };
  }

  /** Counts what a session reports, and takes back the rest of its batch. */
  settle(session: string, usage: Usage, nowMs: number): void {
    this.#lapse(nowMs);
    const known = this.#called(session, usage.call, nowMs);
    // What lapsed is of the batch that ends here, and no later report may be set off against it.
    const closed = { ...known, batchActions: 0, batchRows: 0, lapsedActions: 0, lapsedRows: 0 };
    const { batchActions, batchRows, lapsedActions, lapsedRows } = known;
    const out = batchActions + batchRows + lapsedActions + lapsedRows;
    if (out + usage.actions + usage.rows === 0) {
      // Nothing was out and nothing was used: a caller that is refused in a loop costs no writes.
      this.#sessions.set(session, { ...closed, seq: Math.max(known.seq, usage.seq) });
      return;
    }
    if (!(usage.seq > known.seq)) return this.#write(closed);
    // What lapsed was counted already, as a whole.
    this.#use('actions', known.actionKeys, usage.actions - lapsedActions, nowMs);
    this.#use('rows', known.rowKeys, usage.rows - lapsedRows, nowMs);
    this.#write({ ...closed, seq: usage.seq });
  }

  /** The session is over: its last report, and its place is free. */
  leave(session: string, usage: Usage, nowMs: number): void {
    this.settle(session, usage, nowMs);
    this.#remove(session);
  }

  /** When nothing of this counts any more; 0: nothing does. */
  countsUntil(nowMs: number): number {
    this.#lapse(nowMs);
    let until = 0;
    for (const windows of Object.values(this.#windows)) {
      for (const [key, window] of windows) {
        window.used(nowMs);
        if (window.empty) windows.delete(key);
        for (const { untilMs } of window.counted()) until = Math.max(until, untilMs);
      }
    }
    for (const row of this.#sessions.values()) {
      if (nowMs - row.seenAt >= FORGET_MS) this.#remove(row.session);
      else until = Math.max(until, row.seenAt + FORGET_MS);
    }
    return until;
  }

  /** What has to be kept before anything that came of it is told. */
  changes(): BookChanges {
    const changes = {
      sessions: [...this.#changed].flatMap((session) => this.#sessions.get(session) ?? []),
      gone: [...this.#gone],
      uses: [...this.#uses.values()],
    };
    this.#changed.clear();
    this.#gone.clear();
    this.#uses = new Map();
    return changes;
  }

  /** @throws LateCall */
  #called(session: string, call: number, nowMs: number): SessionRow {
    const known = this.#sessions.get(session) ?? fresh(session, nowMs);
    if (!(call > known.call)) throw new LateCall('a later call was answered already');
    return { ...known, call, seenAt: nowMs };
  }

  /** What is left of an entry; or that it is used up, or out with other sessions. */
  #room(
    unit: Unit,
    key: string,
    most: number,
    cost: number,
    nowMs: number,
  ): number | 'later' | QuotaRefusal {
    const window = this.#window(unit, key);
    const used = window.used(nowMs);
    if (used + cost > most) {
      const at = roomAt([...window.counted(), ...this.#out(unit, key)], most - cost);
      const againMs = at === null ? null : Math.max(1, at - nowMs);
      const limit = unit === 'actions' ? 'actionsPerMinute' : 'rowsPerHour';
      return { kind: 'refused', key, limit, most, againMs };
    }
    const out = this.#out(unit, key).reduce((sum, { count }) => sum + count, 0);
    return used + out + cost > most ? 'later' : most - used - out;
  }

  /** Batches that are out, as they would count if nobody reported on them. */
  #out(unit: Unit, key: string): Counted[] {
    const window = this.#window(unit, key);
    const { slotMs } = unit === 'actions' ? ACTIONS : ROWS;
    return [...this.#sessions.values()].flatMap((row) => {
      const count = unit === 'actions' ? row.batchActions : row.batchRows;
      const keys = unit === 'actions' ? row.actionKeys : row.rowKeys;
      if (count === 0 || !keys.includes(key)) return [];
      return [{ count, untilMs: window.until(Math.floor(row.batchUntil / slotMs)) }];
    });
  }

  /** Batches whose time is over were used, as far as anybody knows. */
  #lapse(nowMs: number): void {
    for (const row of this.#sessions.values()) {
      if (row.batchActions + row.batchRows === 0 || row.batchUntil > nowMs) continue;
      this.#use('actions', row.actionKeys, row.batchActions, row.batchUntil);
      this.#use('rows', row.rowKeys, row.batchRows, row.batchUntil);
      this.#write({
        ...row,
        lapsedActions: row.lapsedActions + row.batchActions,
        lapsedRows: row.lapsedRows + row.batchRows,
        batchActions: 0,
        batchRows: 0,
      });
    }
  }

  #use(unit: Unit, keys: readonly string[], count: number, atMs: number): void {
    if (!(count > 0)) return;
    for (const key of keys) {
      const window = this.#window(unit, key);
      const added = window.add(atMs, count);
      this.#uses.set(JSON.stringify([key, unit, added.slot]), {
        key,
        unit,
        ...added,
        untilMs: window.until(added.slot),
      });
    }
  }

  #window(unit: Unit, key: string): Window {
    const windows = this.#windows[unit];
    const known = windows.get(key);
    if (known !== undefined) return known;
    const window = new Window(unit === 'actions' ? ACTIONS : ROWS);
    windows.set(key, window);
    return window;
  }

  #write(row: SessionRow): void {
    this.#sessions.set(row.session, row);
    this.#changed.add(row.session);
    this.#gone.delete(row.session);
  }

  #remove(session: string): void {
    this.#sessions.delete(session);
    this.#changed.delete(session);
    this.#gone.add(session);
  }
}

function fresh(session: string, nowMs: number): SessionRow {
  return {
    session,
    entered: 0,
    placeUntil: 0,
    placeKeys: [],
    call: 0,
    seq: 0,
    batchActions: 0,
    batchRows: 0,
    batchUntil: 0,
    actionKeys: [],
    rowKeys: [],
    lapsedActions: 0,
    lapsedRows: 0,
    seenAt: nowMs,
  };
}

function holdsPlace({ placeKeys, placeUntil }: SessionRow, key: string, nowMs: number): boolean {
  return placeUntil > nowMs && placeKeys.includes(key);
}

/** What one batch gets of what is left: little when little is left, so that none of it lies idle in another session. */
function share(most: number, room: number, cost: number, wanted: number): number {
  const extra = Math.floor((room - cost) / BATCH_SHARE);
  return Math.max(cost, Math.min(wanted, Math.floor(most / BATCH_SHARE), cost + extra));
}

function keysWith(
  limits: readonly CountedLimit[],
  number: 'actionsPerMinute' | 'rowsPerHour',
): string[] {
  return limits.flatMap((limit) => (limit[number] === null ? [] : [limit.key]));
}
