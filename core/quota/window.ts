// How much was used within a sliding window, kept in slots. A use counts from the moment it is written until the end of its
// slot plus the window: at most one slot too long, never too short. So in any window as long as `spanMs` the uses are never
// more than what the sum ever was.

export interface WindowShape {
  readonly spanMs: number;
  readonly slotMs: number;
}

export const ACTIONS: WindowShape = { spanMs: 60_000, slotMs: 1_000 };
export const ROWS: WindowShape = { spanMs: 3_600_000, slotMs: 60_000 };

/** Something that counts until a moment. */
export interface Counted {
  readonly untilMs: number;
  readonly count: number;
}

export class Window {
  readonly #shape: WindowShape;
  /** Slot → uses, in order of first use. */
  readonly #slots = new Map<number, number>();

  constructor(shape: WindowShape) {
    this.#shape = shape;
  }

  get empty(): boolean {
    return this.#slots.size === 0;
  }

  /** What was written before a restart. */
  restore(slot: number, count: number): void {
    this.#slots.set(slot, count);
  }

  /** Writes `count` uses that happened no later than `atMs`; answers the slot and what it holds now. */
  add(atMs: number, count: number): { readonly slot: number; readonly count: number } {
    const slot = Math.floor(atMs / this.#shape.slotMs);
    const sum = (this.#slots.get(slot) ?? 0) + count;
    this.#slots.set(slot, sum);
    return { slot, count: sum };
  }

  /** Uses that count at `nowMs`; forgets those that do not any more. */
  used(nowMs: number): number {
    let sum = 0;
    for (const [slot, count] of this.#slots) {
      if (this.until(slot) <= nowMs) this.#slots.delete(slot);
      else sum += count;
    }
    return sum;
  }

  counted(): readonly Counted[] {
    return [...this.#slots].map(([slot, count]) => ({ untilMs: this.until(slot), count }));
  }

  /** When the uses of a slot stop counting. */
  until(slot: number): number {
    return (slot + 1) * this.#shape.slotMs + this.#shape.spanMs;
  }
}

/** When so much of `counted` no longer counts that what is left is at most `most`; null: never. */
export function roomAt(counted: readonly Counted[], most: number): number | null {
  if (most < 0) return null;
  let sum = counted.reduce((total, { count }) => total + count, 0);
  if (sum <= most) return 0;
  for (const { untilMs, count } of counted.toSorted((a, b) => a.untilMs - b.untilMs)) {
    sum -= count;
    if (sum <= most) return untilMs;
  }
  return null;
}
