// Which functions a call may mean, and whether they can be looked through; no matter what they are called with.
import { accepts } from '../functions.ts';
import type { CatalogFunction } from '../catalog.ts';
import { trustOf } from './function-trust.ts';
import type { Walk } from './walk.ts';

export interface Called {
  readonly found: boolean;
  /** Everything it may mean is in pg_catalog. */
  readonly builtin: boolean;
  readonly overloads: readonly CatalogFunction[];
}

/** `count` null: any number of arguments. What is not trusted is noted. */
export function called(walk: Walk, parts: readonly string[], count: number | null): Called {
  const { findings, names } = walk;
  if (names.isChanged(parts)) {
    findings.doubt(`the function ${parts.join('.')}, which this transaction may have changed`);
  }
  const overloads: CatalogFunction[] = [];
  let builtin = true;
  for (const list of names.overloads(parts)) {
    for (const fn of list) {
      if (count !== null && !accepts(fn, count)) continue;
      overloads.push(fn);
      builtin &&= fn.schema === 'pg_catalog';
      const trust = trustOf(fn);
      if (trust === 'untrusted') findings.untrusted.add(`${fn.schema}.${fn.name}`);
      if (trust === 'refused') findings.doubt(`the function ${fn.schema}.${fn.name}`);
    }
  }
  const found = overloads.length > 0;
  return { found, builtin: found && builtin, overloads };
}

/** A call with one argument that is not written as a call. False when no function of that name takes one. */
export function implicitCall(walk: Walk, name: string): boolean {
  return called(walk, [name], 1).found;
}
