// Paths into JSON, of JSONPath (RFC 9535) what names places rather than computes: `$.user.email`, `$.items[*].card`,
// `$..token`, `$['a b'][0]`. No filters, slices or unions: the policy's load refuses them.
import type { MaskKind } from './mask.ts';

export interface JsonPathMask {
  readonly path: string;
  readonly kind: MaskKind;
}

interface Step {
  /** A member's name, an element's index, or null for every one of both. */
  readonly at: string | number | null;
  /** `..`: at any depth. */
  readonly deep: boolean;
}

const STEP =
  /(\.\.|\.)(?:(\*)|([\p{L}_][\p{L}\p{N}_-]*))|(\.\.)?\[(?:(\*)|(\d{1,9})|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/uy;

/** Null: not a path that is understood. */
export function parseJsonPath(path: string): readonly Step[] | null {
  if (!path.startsWith('$')) return null;
  const steps: Step[] = [];
  STEP.lastIndex = 1;
  while (STEP.lastIndex < path.length) {
    const match = STEP.exec(path);
    if (match === null) return null;
    const [, dots, star, name, deep, any, index, single, double] = match;
    const quoted = single ?? double;
    steps.push({
      deep: dots === '..' || deep === '..',
      at:
        star !== undefined || any !== undefined
          ? null
          : (name ??
            (index === undefined ? quoted?.replaceAll(/\\(.)/g, '$1') : Number(index)) ??
            null),
    });
  }
  return steps;
}

/** A path that was followed for `step` steps. */
interface Followed {
  readonly mask: number;
  readonly step: number;
}

/** Where all paths stand at one place of a document. */
export type Position = readonly Followed[];

export interface JsonPaths {
  readonly root: Position;
  /** The position of a member or element. */
  enter(from: Position, at: string | number): Position;
  /** The first path that ends here, in the order they were given. */
  kind(position: Position): MaskKind | null;
}

/** Throws for a path that is not understood: the policy's load has refused it before. */
export function createJsonPaths(masks: readonly JsonPathMask[]): JsonPaths {
  const paths = masks.map(({ path, kind }) => {
    const steps = parseJsonPath(path);
    if (steps === null) throw new RangeError('not a path that masks understand');
    return { steps, kind };
  });
  return {
    root: paths.map((_, mask) => ({ mask, step: 0 })),
    enter(from, at) {
      const next: Followed[] = [];
      for (const { mask, step } of from) {
        const wanted = paths[mask]?.steps[step];
        if (wanted === undefined) continue;
        if (wanted.deep) next.push({ mask, step });
        if (wanted.at === null || wanted.at === at) next.push({ mask, step: step + 1 });
      }
      // `$..a..a` in a deep document follows the same path twice.
      return next.length < 2
        ? next
        : next.filter(
            (one, index) =>
              next.findIndex(({ mask, step }) => mask === one.mask && step === one.step) === index,
          );
    },
    kind(position) {
      for (const { mask, step } of position) {
        const path = paths[mask];
        if (path !== undefined && step === path.steps.length) return path.kind;
      }
      return null;
    },
  };
}
