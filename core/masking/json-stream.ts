// JSON of any length through masks: single documents, NDJSON and documents after one another, cut anywhere. Values at
// masked paths are replaced; strings, numbers and keys are searched by detectors with the nearest key as context. What no
// mask changes goes on byte for byte. Memory: one string up to MAX_HELD_STRING, one level per bracket.
//
// A tokenizer of our own: the well-kept streaming parsers (@streamparser/json, stream-json, clarinet) hand out decoded
// values, so their output would be JSON written anew (1.0 → 1, key order and blanks lost), hold every string whole, and
// run below the speed this needs. Grammar inside of literals is checked by whoever parses the result.
import { ByteSink } from './byte-sink.ts';
import { JsonFailure } from './json-failure.ts';
import { createLeaves, type JsonMaskOptions, type Leaves } from './json-leaves.ts';
import type { LongString } from './json-long-string.ts';
import type { Position } from './json-path.ts';
import type { MaskKind } from './mask.ts';

export { JsonFailure } from './json-failure.ts';
export type { JsonMaskOptions } from './json-leaves.ts';

/** Longer strings are masked as a stream; longer keys are refused. Bytes. */
const MAX_HELD_STRING = 64 * 1024;
const MAX_NUMBER = 1024;
const MAX_DEPTH = 1024;

export interface JsonMasker {
  /** Valid until the next call. Throws JsonFailure. */
  push(chunk: Uint8Array): Uint8Array;
  /** Nothing follows. Throws JsonFailure when a document is not complete. */
  end(): Uint8Array;
}

// What may come next.
const VALUE = 0;
const VALUE_OR_END = 1;
const KEY = 2;
const KEY_OR_END = 3;
const COLON = 4;
const COMMA_OR_END = 5;
// Tokens that a chunk's end can cut.
const NONE = 0;
const STRING = 1;
const WORD = 2;

interface Level {
  readonly object: boolean;
  /** Key of the member it is, or of the nearest one around it. */
  readonly key: string | null;
  readonly position: Position;
  /** Everything in it is masked so. */
  readonly inherited: MaskKind | null;
  index: number;
}

export function createJsonMasker(options: JsonMaskOptions): JsonMasker {
  const machine = new Machine(createLeaves(options), options.context);
  return {
    push: (chunk) => machine.push(chunk, 0, chunk.length),
    end: () => machine.end(),
  };
}

/** For whole documents in a buffer: null when nothing changed, else the new document, valid until the next call. */
export function maskJsonText(
  options: JsonMaskOptions,
): (bytes: Uint8Array, start: number, end: number) => Uint8Array | null {
  const machine = new Machine(createLeaves(options), options.context);
  return (bytes, start, end) => {
    machine.reset();
    return machine.whole(bytes, start, end);
  };
}

class Machine {
  readonly #leaves: Leaves;
  readonly #context: string | null;
  readonly #out = new ByteSink();
  /** The beginning of a token that a chunk cut. */
  readonly #held = new ByteSink(1024);
  #token = NONE;
  /** The next byte of the string is escaped. */
  #escape = false;
  #long: LongString | null = null;
  #next = VALUE;
  #levels: Level[] = [];
  /** Of the member that comes: where its key stands, decoded only when it is asked for. */
  #keyBytes: Uint8Array | null = null;
  #keyStart = 0;
  #keyEnd = 0;
  #key: string | null = null;
  /** Inside of a container that was replaced: open brackets, -1 outside. */
  #skipped = -1;
  #changed = false;
  #chunk: Uint8Array = new Uint8Array(0);
  /** What of the chunk has not been copied out yet. */
  #pending = 0;

  constructor(leaves: Leaves, context: string | null) {
    this.#leaves = leaves;
    this.#context = context;
  }

  reset(): void {
    this.#token = NONE;
    this.#escape = false;
    this.#long = null;
    this.#next = VALUE;
    this.#levels = [];
    this.#keyBytes = null;
    this.#key = null;
    this.#skipped = -1;
    this.#held.length = 0;
  }

  whole(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
    this.#out.clear();
    this.#changed = false;
    this.#run(bytes, start, end);
    this.#finish();
    return this.#changed ? this.#out.view() : null;
  }

  push(chunk: Uint8Array, start: number, end: number): Uint8Array {
    this.#out.clear();
    this.#run(chunk, start, end);
    return this.#out.view();
  }

  end(): Uint8Array {
    this.#out.clear();
    this.#chunk = new Uint8Array(0);
    this.#pending = 0;
    this.#finish();
    return this.#out.view();
  }

  #finish(): void {
    if (this.#token === WORD) this.#heldWordEnded();
    if (this.#token === STRING || this.#levels.length > 0 || this.#skipped >= 0) {
      throw new JsonFailure('the document is not complete');
    }
  }

  #run(chunk: Uint8Array, start: number, end: number): void {
    this.#chunk = chunk;
    this.#pending = start;
    let at = start;
    if (this.#token === STRING) at = this.#string(at, end);
    else if (this.#token === WORD) at = this.#word(at, end);
    while (at < end) {
      const byte = chunk[at] ?? 0;
      switch (byte) {
        case 0x20:
        case 0x0a:
        case 0x0d:
        case 0x09:
          at += 1;
          break;
        case 0x22: {
          if (this.#next === COLON || this.#next === COMMA_OR_END)
            throw new JsonFailure('a string where none can be');
          at = this.#string(at, end);
          break;
        }
        case 0x7b:
          this.#open(true, at);
          at += 1;
          break;
        case 0x5b:
          this.#open(false, at);
          at += 1;
          break;
        case 0x7d:
          this.#close(true, at);
          at += 1;
          break;
        case 0x5d:
          this.#close(false, at);
          at += 1;
          break;
        case 0x2c:
          this.#comma();
          at += 1;
          break;
        case 0x3a:
          if (this.#next !== COLON) throw new JsonFailure('a colon where none can be');
          this.#next = VALUE;
          at += 1;
          break;
        case 0xef:
        case 0xbb:
        case 0xbf:
          // A byte order mark, only in front of everything.
          if (this.#levels.length > 0 || this.#next !== VALUE) throw new JsonFailure('not JSON');
          at += 1;
          break;
        default:
          if (!isWord(byte) || (this.#next !== VALUE && this.#next !== VALUE_OR_END))
            throw new JsonFailure('not JSON');
          at = this.#word(at, end);
      }
    }
    this.#keepKey();
    if (this.#skipped < 0 && this.#token === NONE) this.#flush(end);
  }

  // --- structure -----------------------------------------------------------------------------------------------------

  #open(object: boolean, at: number): void {
    if (this.#next !== VALUE && this.#next !== VALUE_OR_END)
      throw new JsonFailure('a bracket where none can be');
    if (this.#levels.length >= MAX_DEPTH) throw new JsonFailure('nested too deeply');
    const position = this.#position();
    const above = this.#levels.at(-1);
    const kind = above?.inherited ?? this.#leaves.kindAt(position);
    if (this.#skipped < 0 && (kind === 'null' || kind === 'redact')) {
      this.#flush(at);
      this.#out.text(this.#leaves.replaced(kind));
      this.#changed = true;
      this.#skipped = this.#levels.length;
    }
    this.#levels.push({ object, key: this.#nearestKey(), position, inherited: kind, index: 0 });
    this.#next = object ? KEY_OR_END : VALUE_OR_END;
  }

  #close(object: boolean, at: number): void {
    const level = this.#levels.pop();
    const empty = object ? this.#next === KEY_OR_END : this.#next === VALUE_OR_END;
    if (level?.object !== object || (!empty && this.#next !== COMMA_OR_END))
      throw new JsonFailure('a bracket that closes nothing');
    if (this.#skipped === this.#levels.length) {
      this.#skipped = -1;
      this.#pending = at + 1;
    }
    this.#valueEnded();
  }

  #comma(): void {
    const level = this.#levels.at(-1);
    if (level === undefined || this.#next !== COMMA_OR_END)
      throw new JsonFailure('a comma where none can be');
    level.index += 1;
    this.#next = level.object ? KEY : VALUE;
  }

  #valueEnded(): void {
    this.#keyBytes = null;
    this.#key = null;
    // A document has ended: another one may follow.
    this.#next = this.#levels.length === 0 ? VALUE : COMMA_OR_END;
  }

  #position(): Position {
    const level = this.#levels.at(-1);
    if (!this.#leaves.hasPaths) return this.#leaves.root;
    if (level === undefined) return this.#leaves.root;
    // No path leads here, and none leads on.
    if (level.position.length === 0) return level.position;
    return this.#leaves.enter(level.position, level.object ? (this.#ownKey() ?? '') : level.index);
  }

  #ownKey(): string | null {
    if (this.#key === null && this.#keyBytes !== null) {
      this.#key = this.#leaves.decoded(this.#keyBytes, this.#keyStart, this.#keyEnd);
    }
    return this.#key;
  }

  #nearestKey(): string | null {
    return this.#ownKey() ?? this.#levels.at(-1)?.key ?? this.#context;
  }

  /** The chunk is only lent. */
  #keepKey(): void {
    if (this.#keyBytes === this.#chunk && this.#keyBytes !== null) {
      this.#keyBytes = this.#chunk.slice(this.#keyStart, this.#keyEnd);
      this.#keyEnd -= this.#keyStart;
      this.#keyStart = 0;
    }
  }

  #flush(to: number): void {
    if (to > this.#pending) this.#out.append(this.#chunk, this.#pending, to);
    this.#pending = to;
  }

  // --- strings -------------------------------------------------------------------------------------------------------

  /** Reads a string from its quote, or on; answers where it ends. */
  #string(from: number, end: number): number {
    const chunk = this.#chunk;
    const begun = this.#token === STRING;
    let at = begun ? from : from + 1;
    if (begun && this.#escape) {
      at += 1;
      this.#escape = false;
    }
    while (at < end) {
      const byte = chunk[at];
      if (byte === 0x22) break;
      at += byte === 0x5c ? 2 : 1;
    }
    if (at < end) {
      this.#stringEnded(from, at, begun);
      return at + 1;
    }
    this.#escape = at > end;
    if (this.#skipped >= 0) this.#held.length = 0;
    else {
      if (!begun) this.#flush(from);
      if (this.#long !== null) this.#out.append(this.#long.push(chunk, from, end));
      else {
        this.#held.append(chunk, begun ? from : from + 1, end);
        if (this.#held.length > MAX_HELD_STRING) this.#tooLong();
      }
    }
    this.#token = STRING;
    this.#pending = end;
    return end;
  }

  #tooLong(): void {
    if (this.#next === KEY || this.#next === KEY_OR_END)
      throw new JsonFailure('a key of this length');
    this.#long = this.#leaves.long(this.#kindHere(), this.#nearestKey());
    this.#changed = true;
    this.#out.append(this.#long.push(this.#held.bytes, 0, this.#held.length));
    this.#held.clear();
  }

  /** `at`: the closing quote. */
  #stringEnded(from: number, at: number, begun: boolean): void {
    const isKey = this.#next === KEY || this.#next === KEY_OR_END;
    this.#token = NONE;
    if (this.#long !== null) {
      this.#out.append(this.#long.end(this.#chunk, from, at));
      this.#long = null;
      this.#pending = at + 1;
      this.#valueEnded();
      return;
    }
    if (begun && this.#skipped < 0) {
      this.#held.append(this.#chunk, from, at);
      const held = this.#held.bytes;
      const length = this.#held.length;
      const shown = this.#shown(isKey, held, 0, length);
      if (shown === null) {
        this.#out.byte(0x22);
        this.#out.append(held, 0, length);
        this.#out.byte(0x22);
      } else this.#put(shown);
      this.#pending = at + 1;
      if (isKey) this.#keyIs(held.slice(0, length), 0, length);
      else this.#valueEnded();
      this.#held.clear();
      return;
    }
    if (this.#skipped >= 0) {
      if (isKey) this.#next = COLON;
      else this.#valueEnded();
      return;
    }
    const shown = this.#shown(isKey, this.#chunk, from + 1, at);
    if (shown !== null) {
      this.#flush(from);
      this.#put(shown);
      this.#pending = at + 1;
    }
    if (isKey) this.#keyIs(this.#chunk, from + 1, at);
    else this.#valueEnded();
  }

  #put(json: string): void {
    this.#changed = true;
    this.#out.text(json);
  }

  #keyIs(bytes: Uint8Array, start: number, end: number): void {
    this.#keyBytes = bytes;
    this.#keyStart = start;
    this.#keyEnd = end;
    this.#key = null;
    this.#next = COLON;
  }

  #kindHere(): MaskKind | null {
    const inherited = this.#levels.at(-1)?.inherited ?? null;
    if (inherited !== null || !this.#leaves.hasPaths) return inherited;
    return this.#leaves.kindAt(this.#position());
  }

  /** The JSON to stand in place of a string's content; null: as it is. */
  #shown(isKey: boolean, bytes: Uint8Array, start: number, end: number): string | null {
    if (isKey) return this.#leaves.key(bytes, start, end);
    const kind = this.#kindHere();
    if (kind !== null) return this.#leaves.maskedString(kind, bytes, start, end);
    if (!this.#leaves.suspicious(bytes, start, end)) return null;
    return this.#leaves.foundString(this.#nearestKey(), bytes, start, end);
  }

  // --- numbers, true, false, null ------------------------------------------------------------------------------------

  #word(from: number, end: number): number {
    const chunk = this.#chunk;
    let at = from;
    while (at < end && isWord(chunk[at] ?? 0)) at += 1;
    if (at < end) {
      if (this.#token !== WORD) this.#wordEnded(chunk, from, at, false);
      else {
        this.#held.append(chunk, from, at);
        this.#pending = at;
        this.#heldWordEnded();
      }
      return at;
    }
    if (this.#token !== WORD && this.#skipped < 0) this.#flush(from);
    this.#held.append(chunk, from, end);
    if (this.#held.length > MAX_NUMBER) throw new JsonFailure('a number of this length');
    this.#token = WORD;
    this.#pending = end;
    return end;
  }

  #wordEnded(bytes: Uint8Array, start: number, end: number, held: boolean): void {
    if (this.#skipped < 0) {
      const kind = this.#kindHere();
      const shown =
        kind === null
          ? this.#leaves.foundWord(() => this.#nearestKey(), bytes, start, end)
          : this.#leaves.maskedWord(kind, bytes, start, end);
      if (shown !== null) {
        if (!held) {
          this.#flush(start);
          this.#pending = end;
        }
        this.#put(shown);
      } else if (held) this.#out.append(bytes, start, end);
    }
    this.#valueEnded();
  }

  #heldWordEnded(): void {
    this.#wordEnded(this.#held.bytes, 0, this.#held.length, true);
    this.#held.clear();
    this.#token = NONE;
  }
}

/** Whatever numbers and literals are made of. */
function isWord(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x2d ||
    byte === 0x2b ||
    byte === 0x2e ||
    byte === 0x45
  );
}
