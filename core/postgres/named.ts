// What names stand for: prepared statements, and portals with cursors (one namespace). A name is judged by the text behind
// it, so the registry must never be behind the server. Changes are planned when their message is sent and settled when it
// is answered. In between, a later message of the same segment (up to its Sync) runs only if the earlier one succeeded: it
// sees the new text for certain. Any other reader of that name is told to wait for the answer.
// @see protocol-flow, "Extended Query"

/** One change in flight. */
export interface NameChange<T> {
  /** Null: all names. */
  readonly name: string | null;
  /** Null: the name goes away. */
  readonly value: T | null;
  /** Segment in which the change is certain; null for a simple query, whose failure stops nothing behind it. */
  readonly segment: number | null;
  readonly order: number;
}

/** How the message of a change ended. `perhaps`: a text of several statements failed somewhere. */
export type Settlement = 'done' | 'perhaps' | 'not_done';

export interface Weighed {
  /** Bytes kept for it. */
  readonly weight: number;
}

const NONE: readonly never[] = [];

export class Names<T extends Weighed> {
  readonly #known = new Map<string, readonly T[]>();
  readonly #changing = new Map<string, NameChange<T>[]>();
  /** Changes of all names. */
  readonly #sweeping: NameChange<T>[] = [];
  #order = 0;
  #planned = 0;
  #weight = 0;

  get size(): number {
    return this.#known.size + this.#planned;
  }

  /** Bytes of all values, those in flight included. */
  get weight(): number {
    return this.#weight;
  }

  /**
   * What `name` stands for, seen from a message of `segment`: one value, none, or several where a failed text of several
   * statements left it open. Null when that depends on an answer still to come.
   */
  resolve(name: string, segment: number): readonly T[] | null {
    const latest = this.#latest(name);
    if (latest === undefined) return this.#known.get(name) ?? NONE;
    if (latest.segment !== segment) return null;
    return latest.value === null ? NONE : [latest.value];
  }

  /** Everything `name` may stand for, whatever the answers to come. */
  candidates(name: string): readonly T[] {
    const values = [...(this.#known.get(name) ?? NONE)];
    for (const change of this.#changing.get(name) ?? NONE) {
      if (change.value !== null) values.push(change.value);
    }
    return values;
  }

  plan(name: string | null, value: T | null, segment: number | null): NameChange<T> {
    const change: NameChange<T> = { name, value, segment, order: this.#order++ };
    this.#planned += 1;
    this.#weight += value?.weight ?? 0;
    if (name === null) {
      this.#sweeping.push(change);
    } else {
      const changes = this.#changing.get(name);
      if (changes === undefined) this.#changing.set(name, [change]);
      else changes.push(change);
    }
    return change;
  }

  /** Settles changes in the order in which they were planned. */
  settle(change: NameChange<T>, how: Settlement): void {
    const { name, value } = change;
    this.#planned -= 1;
    this.#weight -= value?.weight ?? 0;
    if (name === null) {
      this.#remove(this.#sweeping, change);
      if (how === 'done') this.clear();
      return;
    }
    const changes = this.#changing.get(name);
    if (changes !== undefined) {
      this.#remove(changes, change);
      if (changes.length === 0) this.#changing.delete(name);
    }
    if (how === 'not_done') return;
    if (how === 'perhaps') {
      if (value !== null) this.#set(name, [...(this.#known.get(name) ?? NONE), value]);
      return;
    }
    if (value === null) this.forget(name);
    else this.#set(name, [value]);
  }

  forget(name: string): void {
    this.#weigh(this.#known.get(name), -1);
    this.#known.delete(name);
  }

  clear(): void {
    for (const values of this.#known.values()) this.#weigh(values, -1);
    this.#known.clear();
  }

  /** Keeps of all known values those that `keep` accepts. */
  sweep(keep: (value: T) => boolean): void {
    for (const [name, values] of this.#known) {
      if (values.every(keep)) continue;
      const kept = values.filter(keep);
      if (kept.length === 0) this.forget(name);
      else this.#set(name, kept);
    }
  }

  #latest(name: string): NameChange<T> | undefined {
    const named = this.#changing.get(name)?.at(-1);
    const sweeping = this.#sweeping.at(-1);
    if (named === undefined || sweeping === undefined) return named ?? sweeping;
    return named.order > sweeping.order ? named : sweeping;
  }

  #set(name: string, values: readonly T[]): void {
    this.#weigh(this.#known.get(name), -1);
    this.#known.set(name, values);
    this.#weigh(values, 1);
  }

  #weigh(values: readonly T[] | undefined, sign: 1 | -1): void {
    for (const value of values ?? NONE) this.#weight += sign * value.weight;
  }

  #remove(changes: NameChange<T>[], change: NameChange<T>): void {
    // Answers come in order, so it is nearly always the first.
    if (changes[0] === change) changes.shift();
    else changes.splice(changes.indexOf(change), 1);
  }
}
