// One way to read a marked-up document: characters with the place in the source that each stands for, searched as a stream.
// Two ways are merged by taking what either finds, as far as both have decided.
import { createStreamDetection, type Released } from '../masking/detect/stream.ts';
import type { DetectorId } from '../masking/detect/detector.ts';

/** A value; offsets are those of the source, `value` is how it reads. */
export interface Found {
  readonly start: number;
  readonly end: number;
  readonly value: string;
  readonly detector: DetectorId;
}

/** `units` characters that stand for source[source, source + length): one to one, or all for all. */
interface Piece {
  readonly at: number;
  units: number;
  readonly source: number;
  length: number;
}

export interface Reading {
  /** Text as it stands in the source at `source`. */
  plain(text: string, source: number): void;
  /** Text that stands for `length` of the source. */
  stands(text: string, source: number, length: number): void;
  /** The source was read up to here; `final`: nothing follows. */
  run(source: number, final: boolean): void;
  /** Everything in the source before is decided. */
  readonly decided: number;
  /** Findings that were not taken yet, in order. */
  found: Found[];
}

export function createReading(detectors: readonly DetectorId[]): Reading {
  const stream = createStreamDetection(detectors);
  const text: string[] = [];
  let pieces: Piece[] = [];
  /** Characters given to the stream, and those it has decided. */
  let given = 0;
  let decidedUnits = 0;
  let decided = 0;

  function add(units: number, source: number, length: number): void {
    const last = pieces.at(-1);
    const follows = last !== undefined && last.source + last.length === source;
    if (follows && units === length && last.units === last.length) {
      last.units += units;
      last.length += length;
    } else pieces.push({ at: given, units, source, length });
    given += units;
  }

  function pieceOf(unit: number): Piece | undefined {
    let low = 0;
    let high = pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((pieces[middle]?.at ?? 0) <= unit) low = middle;
      else high = middle - 1;
    }
    return pieces[low];
  }

  function startOf(unit: number): number {
    const piece = pieceOf(unit);
    if (piece === undefined) return decided;
    return piece.units === piece.length ? piece.source + unit - piece.at : piece.source;
  }

  function endOf(unit: number): number {
    const piece = pieceOf(unit - 1);
    if (piece === undefined) return decided;
    if (piece.units === piece.length) return piece.source + unit - piece.at;
    return piece.source + piece.length;
  }

  const reading: Reading = {
    plain(piece, source) {
      if (piece === '') return;
      text.push(piece);
      add(piece.length, source, piece.length);
    },
    stands(piece, source, length) {
      text.push(piece);
      add(piece.length, source, length);
    },
    run(source, final) {
      const pushed = take(stream.push(text.join('')));
      text.length = 0;
      const found = final ? [...pushed, ...take(stream.end())] : pushed;
      reading.found.push(...found);
      decided = decidedUnits === given ? source : startOf(decidedUnits);
      const from = pieceOf(decidedUnits)?.at ?? 0;
      pieces = decidedUnits === given ? [] : pieces.filter(({ at }) => at >= from);
    },
    get decided() {
      return decided;
    },
    found: [],
  };

  function take({ text: read, findings }: Released): readonly Found[] {
    const base = decidedUnits;
    decidedUnits += read.length;
    return findings.map(({ start, end, detector }) => ({
      start: startOf(base + start),
      end: endOf(base + end),
      value: read.slice(start, end),
      detector,
    }));
  }

  return reading;
}

/** What can be decided now; what lies across the border waits. */
export function mergedFindings(
  one: Reading,
  other: Reading,
): { readonly decided: number; readonly found: readonly Found[] } {
  let decided = Math.min(one.decided, other.decided);
  const all = [...one.found, ...other.found].sort((a, b) => a.start - b.start || b.end - a.end);
  const merged: Found[] = [];
  for (const next of all) {
    const last = merged.at(-1);
    if (last === undefined || next.start >= last.end) merged.push(next);
    else {
      // The longer reading of the two has the value.
      const { value, detector } = next.value.length > last.value.length ? next : last;
      merged[merged.length - 1] = {
        start: last.start,
        end: Math.max(last.end, next.end),
        value,
        detector,
      };
    }
  }
  for (const { start, end } of merged) if (start < decided && end > decided) decided = start;
  one.found = one.found.filter(({ start }) => start >= decided);
  other.found = other.found.filter(({ start }) => start >= decided);
  return { decided, found: merged.filter(({ start }) => start < decided) };
}
