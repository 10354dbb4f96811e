// The last values computed, bounded by count and by size. Two generations instead of an exact order of use:
// a hit in the young one changes nothing, which keeps the commonest case to a single look-up.

/** What an entry holds besides its key, in characters. */
const ENTRY_OVERHEAD = 256;

export class Recent<V> {
  readonly #maxEntries: number;
  readonly #maxCharacters: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  #youngCharacters = 0;

  constructor(maxEntries: number, maxCharacters: number) {
    // Each generation takes half.
    this.#maxEntries = maxEntries / 2;
    this.#maxCharacters = maxCharacters / 2;
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    // Its size is not known any more; a generation of promoted entries alone is no larger than the old one was.
    if (old !== undefined) this.set(key, old, 0);
    return old;
  }

  /** `size`: of the value, in characters. */
  set(key: string, value: V, size: number): void {
    const weight = key.length + size + ENTRY_OVERHEAD;
    if (weight > this.#maxCharacters) return;
    this.#youngCharacters += weight;
    this.#young.set(key, value);
    if (this.#young.size <= this.#maxEntries && this.#youngCharacters <= this.#maxCharacters) {
      return;
    }
    // What was not used since the last change of generations is forgotten.
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngCharacters = 0;
  }
}
