// Detection and masking of what is found, in one: what a `scan` column, a JSON string or a line of a terminal goes through.
// Which masks are in force was decided before; several on one detector are the strictest of them.
import { createDetection, type Detection } from './detect/detection.ts';
import type { DetectorId, Finding } from './detect/detector.ts';
import type { Maskers } from './maskers/maskers.ts';
import { MASKED } from './maskers/placeholder.ts';
import { TEXT, type ValueType } from './maskers/value-type.ts';
import type { DetectorMask, MaskKind } from './mask.ts';
import { strictestOf } from './strictness.ts';

/** Shorter than anything a detector finds. Bytes. */
export const SHORTEST_FINDING = 5;

export interface Scanner {
  /** False: nothing would be found in bytes[start, end). */
  suspicious(bytes: Uint8Array, start: number, end: number): boolean;
  /** The text with every finding masked in its place: the very text where there is none; null (NULL) by kind `null`. */
  text(text: string): string | null;
  /** The same inside of a larger text, where nothing can be NULL. */
  part(text: string): string;
  /** For values that are not text: masked as a whole as soon as anything is found. Undefined: nothing is. */
  whole(text: string, type: ValueType): string | null | undefined;
}

export type DetectorKinds = ReadonlyMap<DetectorId, MaskKind>;

export function kindsOf(detect: readonly DetectorMask[]): DetectorKinds {
  const kinds = new Map<DetectorId, MaskKind>();
  for (const { detector, kind } of detect) {
    kinds.set(detector, strictestOf([kind, kinds.get(detector) ?? kind]));
  }
  return kinds;
}

/** `context` is the name of the column or field. Throws MaskKeyMissing where a kind needs a key that is not there. */
export function createScanner(
  detect: readonly DetectorMask[],
  maskers: Maskers,
  context: string | null,
): Scanner {
  const kinds = kindsOf(detect);
  for (const kind of kinds.values()) maskers.require(kind);
  const detection: Detection = createDetection(
    [...kinds.keys()],
    context === null ? {} : { context },
  );
  const inPlace = (text: string, findings: readonly Finding[]): string =>
    maskFindings(text, findings, kinds, maskers);

  return {
    suspicious: (bytes, start, end) =>
      end - start >= SHORTEST_FINDING && detection.suspicious(bytes, start, end),
    text(text) {
      const findings = detection.find(text);
      if (findings.length === 0) return text;
      const only = findings.length === 1 ? findings[0] : undefined;
      const all = only !== undefined && only.start === 0 && only.end === text.length;
      if (all && kindOf(only, kinds) === 'null') return null;
      return inPlace(text, findings);
    },
    part(text) {
      const findings = detection.find(text);
      return findings.length === 0 ? text : inPlace(text, findings);
    },
    whole(text, type) {
      const [first, ...others] = detection.find(text);
      if (first === undefined) return undefined;
      const kind = strictestOf([
        kindOf(first, kinds),
        ...others.map((finding) => kindOf(finding, kinds)),
      ]);
      return maskers.mask(kind, text, { type, detector: first.detector });
    },
  };
}

/** Replaces every finding by what its kind makes of it; kind `null` by the fixed text. */
export function maskFindings(
  text: string,
  findings: readonly Finding[],
  kinds: DetectorKinds,
  maskers: Maskers,
): string {
  let masked = '';
  let at = 0;
  for (const finding of findings) {
    const { start, end, detector } = finding;
    masked += text.slice(at, start);
    masked +=
      maskers.mask(kindOf(finding, kinds), text.slice(start, end), { type: TEXT, detector }) ??
      MASKED;
    at = end;
  }
  return masked + text.slice(at);
}

/** A finding without a mask of its own cannot be, and would be hidden. */
function kindOf({ detector }: Finding, kinds: DetectorKinds): MaskKind {
  return kinds.get(detector) ?? 'redact';
}
