// Postgres arrays as text, both ways: `{1,NULL,"a,b"}`, nested, with or without bounds in front.
// @see arrays, "Array Input and Output Syntax"

export type ArrayValue = string | null | readonly ArrayValue[];

/** Null when the text is not an array: it is then shown as the text it is. */
export function parseArray(text: string): readonly ArrayValue[] | null {
  // Bounds such as [0:2]= say where counting starts; JSON has no place for that.
  const at = /^(?:\[-?\d+:-?\d+\])+=/.exec(text)?.[0].length ?? 0;
  const reader = new ArrayReader(text, at);
  const value = reader.array(0);
  return value === null || !reader.ended ? null : value;
}

/** MAXDIM of Postgres: deeper text did not come from an array. */
const MAX_DEPTH = 6;

class ArrayReader {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  get ended(): boolean {
    return this.#at === this.#text.length;
  }

  array(depth: number): ArrayValue[] | null {
    if (depth >= MAX_DEPTH || this.#text[this.#at] !== '{') return null;
    this.#at += 1;
    const items: ArrayValue[] = [];
    if (this.#text[this.#at] === '}') {
      this.#at += 1;
      return items;
    }
    for (;;) {
      const item = this.#item(depth);
      if (item === undefined) return null;
      items.push(item);
      const next = this.#text[this.#at];
      this.#at += 1;
      if (next === '}') return items;
      if (next !== ',') return null;
    }
  }

  #item(depth: number): ArrayValue | undefined {
    const char = this.#text[this.#at];
    if (char === '{') return this.array(depth + 1) ?? undefined;
    if (char === '"') return this.#quoted();
    const start = this.#at;
    while (!this.ended && !/[,}]/.test(this.#text.charAt(this.#at))) this.#at += 1;
    const word = this.#text.slice(start, this.#at);
    if (word === '') return undefined;
    return word.toUpperCase() === 'NULL' ? null : word.replaceAll(/\\(.)/gs, '$1');
  }

  #quoted(): string | undefined {
    let value = '';
    for (this.#at += 1; !this.ended; this.#at += 1) {
      const char = this.#text.charAt(this.#at);
      if (char === '"') {
        this.#at += 1;
        return value;
      }
      if (char === '\\') this.#at += 1;
      value += this.#text.charAt(this.#at);
    }
    return undefined;
  }
}

/** Every element quoted, so that none can be read as NULL, as a bracket or as two. */
export function formatArray(items: readonly ArrayValue[]): string {
  const parts = items.map((item) => {
    if (item === null) return 'NULL';
    if (typeof item === 'string') return `"${item.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
    return formatArray(item);
  });
  return `{${parts.join(',')}}`;
}
