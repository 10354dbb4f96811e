// Which of two masks wins where both cover something: the strictest. `hash` keeps equality, `partial` shows a part, `fake`
// keeps the format; none of the three is stricter than another, so that where two of them meet the policy is refused at load.
import type { MaskKind, PredicateMode } from './mask.ts';

/** Kinds that `kind` is stricter than. */
const STRICTER: Readonly<Record<MaskKind, readonly MaskKind[]>> = {
  null: ['redact', 'hash', 'partial', 'fake'],
  redact: ['hash', 'partial', 'fake'],
  hash: [],
  partial: [],
  fake: [],
};

const MODE_ORDER: readonly PredicateMode[] = ['deny', 'equality', 'allow'];

/** The stricter of two; null when they cannot be ordered. */
export function strictestMask(a: MaskKind, b: MaskKind): MaskKind | null {
  if (a === b || STRICTER[a].includes(b)) return a;
  return STRICTER[b].includes(a) ? b : null;
}

/**
 * The strictest of several that meet where no load could see it: a column of a view and the one behind it, a table and its
 * partition. Kinds without an order give `redact`, which is stricter than each.
 */
export function strictestOf(kinds: readonly [MaskKind, ...MaskKind[]]): MaskKind {
  return kinds.reduce((kind, next) => strictestMask(kind, next) ?? 'redact');
}

export function strictestMode(a: PredicateMode, b: PredicateMode): PredicateMode {
  return MODE_ORDER.indexOf(a) <= MODE_ORDER.indexOf(b) ? a : b;
}
