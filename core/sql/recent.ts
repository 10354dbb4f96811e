// The last values computed, bounded by count and by size of the keys. Two generations instead of an exact order of use:
// a hit in the young one changes nothing, which keeps the commonest case to a single look-up.

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
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: V): void {
    if (key.length > this.#maxCharacters) return;
    if (!this.#young.has(key)) this.#youngCharacters += key.length;
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
