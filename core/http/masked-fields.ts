// Masks that name fields, made ready for two uses: for JSON, where a path says exactly where; and for flat records (forms, CSV),
// where there is a name and no place, so that a mask covers a name as soon as its path ends in it.
import { parseJsonPath, type JsonPathMask } from '../masking/json-path.ts';
import type { FieldMask, MaskKind } from '../masking/mask.ts';
import { strictestOf } from '../masking/strictness.ts';

type Steps = NonNullable<ReturnType<typeof parseJsonPath>>;

function stepsOf({ path }: FieldMask): Steps {
  const steps = parseJsonPath(path);
  // The policy's load has refused it before.
  if (steps === null) throw new RangeError('not a path that masks understand');
  return steps;
}

/**
 * Paths for the JSON masker, in the order of passes over the document. The masker gives everything within a masked value that
 * value's mask, so what is stricter and may lie within (`$.user` partial, `$..ssn` redact) goes first, in a pass of its own.
 * Kinds without an order that meet at one place are both `redact`.
 */
export function jsonPasses(fields: readonly FieldMask[]): readonly (readonly JsonPathMask[])[] {
  const all = fields.map((field) => ({
    steps: stepsOf(field),
    path: field.path,
    kind: field.kind,
  }));
  for (const one of all) {
    for (const other of all) {
      if (isWhole(one.kind) || isWhole(other.kind) || one.kind === other.kind) continue;
      if (!meet(one.steps, other.steps, false)) continue;
      one.kind = 'redact';
      other.kind = 'redact';
    }
  }
  // The first path of the list that ends at a place wins there.
  const order: readonly MaskKind[] = ['null', 'redact'];
  const whole = order.flatMap((kind) => all.filter((one) => one.kind === kind));
  const partly = all.filter(({ kind }) => !isWhole(kind));
  const within = partly.some((outer) =>
    whole.some((inner) => meet(outer.steps, inner.steps, true)),
  );
  return within ? [whole, partly] : [[...whole, ...partly]];
}

function isWhole(kind: MaskKind): boolean {
  return kind === 'null' || kind === 'redact';
}

/** Whether one place can be both, or, `within`, a place of `inner` can lie at or below one of `outer`. */
function meet(outer: Steps, inner: Steps, within: boolean): boolean {
  const seen = new Set<number>();
  const width = inner.length + 1;
  const walk = (one: number, other: number): boolean => {
    if (one === outer.length && (within || other === inner.length)) return true;
    const place = one * width + other;
    const left = outer[one];
    const right = inner[other];
    if (left === undefined || right === undefined || seen.has(place)) return false;
    seen.add(place);
    const same = left.at === null || right.at === null || left.at === right.at;
    return (
      (same && walk(one + 1, other + 1)) ||
      (left.deep && walk(one, other + 1)) ||
      (right.deep && walk(one + 1, other))
    );
  };
  return walk(0, 0);
}

/** The mask of a name in a flat record; null where none covers it. */
export type FlatKind = (name: string) => MaskKind | null;

/**
 * A path covers every field whose name, or a part of whose name (`user[ssn]`, `user.ssn`), is the last name of the path, in any
 * case; a path without a name at its end (`$.users[*]`, `$.*`) covers by the name before, or everything.
 */
export function flatKinds(fields: readonly FieldMask[]): FlatKind {
  const named = fields.map((field) => {
    const steps = stepsOf(field);
    const last = steps.at(-1);
    // `$.*` is every field; `$.users[*]` might be every row.
    if (last === undefined || last.at === null) return { name: null, kind: field.kind };
    const name = steps.findLast((step) => typeof step.at === 'string')?.at ?? null;
    return { name: typeof name === 'string' ? folded(name) : null, kind: field.kind };
  });
  return (name) => {
    const whole = folded(name);
    const parts = new Set([whole, ...whole.split(/[[\].]+/).map((part) => part.trim())]);
    const kinds = named.flatMap((mask) =>
      mask.name === null || parts.has(mask.name) ? [mask.kind] : [],
    );
    const [first, ...others] = kinds;
    return first === undefined ? null : strictestOf([first, ...others]);
  };
}

/** Without a byte order mark, blanks and quotes around, in one case and one composition. */
function folded(name: string): string {
  return name
    .replace(/^\u{FEFF}/u, '')
    .trim()
    .normalize('NFKC')
    .toLowerCase();
}
