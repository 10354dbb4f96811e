// What is done with one string, number, literal or key of a JSON document. The way through the document is json-stream.ts.
import { decodeLossy } from '../bytes.ts';
import { decodeText, hasByte } from './byte-text.ts';
import { JsonFailure } from './json-failure.ts';
import { createLongString, type LongString } from './json-long-string.ts';
import { createJsonPaths, type JsonPathMask, type Position } from './json-path.ts';
import type { DetectorMask, MaskKind } from './mask.ts';
import type { Maskers } from './maskers/maskers.ts';
import { MASKED } from './maskers/placeholder.ts';
import { TEXT, type ValueType } from './maskers/value-type.ts';
import { createScanner, SHORTEST_FINDING, type Scanner } from './scan.ts';

export interface JsonMaskOptions {
  readonly maskers: Maskers;
  readonly detect: readonly DetectorMask[];
  readonly paths: readonly JsonPathMask[];
  /** Context for values that stand under no key: the name of the column or body. */
  readonly context: string | null;
}

export interface Leaves {
  readonly hasPaths: boolean;
  readonly root: Position;
  enter(from: Position, at: string | number): Position;
  kindAt(position: Position): MaskKind | null;
  /** JSON in place of a whole container. */
  replaced(kind: 'null' | 'redact'): string;
  /** All below: bytes are a string's content between its quotes; null means as it is. */
  decoded(bytes: Uint8Array, start: number, end: number): string;
  key(bytes: Uint8Array, start: number, end: number): string | null;
  suspicious(bytes: Uint8Array, start: number, end: number): boolean;
  foundString(key: string | null, bytes: Uint8Array, start: number, end: number): string | null;
  maskedString(kind: MaskKind, bytes: Uint8Array, start: number, end: number): string;
  foundWord(key: () => string | null, bytes: Uint8Array, start: number, end: number): string | null;
  maskedWord(kind: MaskKind, bytes: Uint8Array, start: number, end: number): string | null;
  long(kind: MaskKind | null, key: string | null): LongString;
}

/** Scanners kept by key: few keys make up most documents. */
const KEPT_SCANNERS = 256;
/** A shorter number is no card, phone or number of a state. */
const SHORTEST_NUMBER = 8;

const INTEGER: ValueType = { kind: 'integer', bits: 53 };
const FLOAT: ValueType = { kind: 'float' };

const constants = { null: 'null', redact: JSON.stringify(MASKED) } as const;

export function createLeaves({ maskers, detect, paths, context }: JsonMaskOptions): Leaves {
  const found = createJsonPaths(paths);
  for (const { kind } of paths) maskers.require(kind);
  const scanners = new Map<string | null, Scanner>();
  const general = createScanner(detect, maskers, context);
  const idle = detect.length === 0;

  function scannerOf(key: string | null): Scanner {
    if (key === context) return general;
    let scanner = scanners.get(key);
    if (scanner === undefined) {
      if (scanners.size >= KEPT_SCANNERS) scanners.clear();
      scanner = createScanner(detect, maskers, key);
      scanners.set(key, scanner);
    }
    return scanner;
  }

  return {
    hasPaths: paths.length > 0,
    root: found.root,
    enter: (from, at) => found.enter(from, at),
    kindAt: (position) => (paths.length === 0 ? null : found.kind(position)),
    replaced: (kind) => constants[kind],
    decoded: decodedString,
    key(bytes, start, end) {
      if (idle || !suspicious(general, bytes, start, end)) return null;
      const text = decodedString(bytes, start, end);
      const shown = general.part(text);
      return shown === text ? null : JSON.stringify(shown);
    },
    suspicious: (bytes, start, end) => !idle && suspicious(general, bytes, start, end),
    foundString(key, bytes, start, end) {
      const text = decodedString(bytes, start, end);
      const shown = scannerOf(key).text(text);
      return shown === text ? null : JSON.stringify(shown);
    },
    maskedString(kind, bytes, start, end) {
      // The same for every string; an escape still has to be one.
      if ((kind === 'redact' || kind === 'null') && !hasByte(bytes, 0x5c, start, end)) {
        return constants[kind];
      }
      const text = decodedString(bytes, start, end);
      return JSON.stringify(maskers.mask(kind, text, { type: TEXT, detector: null }));
    },
    foundWord(key, bytes, start, end) {
      const first = bytes[start] ?? 0;
      if (idle || end - start < SHORTEST_NUMBER || first > 0x39) return null;
      const text = decodeLossy(bytes.subarray(start, end));
      const shown = scannerOf(key()).whole(text, numberType(text));
      return shown === undefined ? null : (shown ?? 'null');
    },
    maskedWord(kind, bytes, start, end) {
      const text = decodeLossy(bytes.subarray(start, end));
      if (text === 'null') return null;
      const type: ValueType =
        text === 'true' || text === 'false' ? { kind: 'boolean' } : numberType(text);
      return maskers.mask(kind, text, { type, detector: null }) ?? 'null';
    },
    long: (kind, key) => createLongString(kind, { maskers, detect, key }),
  };
}

function suspicious(scanner: Scanner, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < SHORTEST_FINDING) return false;
  // An escape can stand for anything.
  return scanner.suspicious(bytes, start, end) || hasByte(bytes, 0x5c, start, end);
}

function numberType(text: string): ValueType {
  return /^-?\d+$/.test(text) ? INTEGER : FLOAT;
}

export function decodedString(bytes: Uint8Array, start: number, end: number): string {
  const raw = decodeText(bytes, start, end);
  if (!hasByte(bytes, 0x5c, start, end)) return raw;
  try {
    const text: unknown = JSON.parse(`"${raw}"`);
    if (typeof text === 'string') return text;
  } catch {
    // Said below: JSON.parse has no other way to say it.
  }
  throw new JsonFailure('a string that is none');
}
