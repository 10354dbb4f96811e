// What the caller reads when a mask refuses a text: the column, what it was used by and where, the mask, and what to do
// instead. Names come from the caller's own text and the catalog; no value ever stands here.
import type { Denial } from '../decision.ts';
import type { DenyCode } from '../failure.ts';
import type { CatalogRelation } from '../sql/catalog.ts';
import type { BaseColumn, ColumnUse } from '../sql/lineage/lineage.ts';
import type { MaskedColumn } from './masked-columns.ts';

/** A mask is no rule: `rule` stays null, and the message names the mask. */
function denial(code: DenyCode, message: string, hint: string): Denial {
  return { kind: 'deny', code, rule: null, message, hint };
}

export const unreadable: Denial = denial(
  'mask_unproven',
  'Columns of this target are masked for you, and where the values of this text come from cannot be told.',
  'Send one plain statement.',
);

/** `what`: a sentence part such as `the function public.f`. */
export function unproven(what: string): Denial {
  return denial(
    'mask_unproven',
    `Columns of this target are masked for you, and it cannot be proven what ${what} would show of them.`,
    'Write the query over tables and views; a function that tells of nothing but its arguments can be vouched for in the policy (masks, functions).',
  );
}

export function predicateRefused({ name, mask }: MaskedColumn, { by, clause }: ColumnUse): Denial {
  const message = `${name} is masked (${ids(mask.ids)}) and cannot be used by ${by} in ${clause}.`;
  const hint =
    mask.predicates === 'deny'
      ? 'No condition, grouping or ordering may use it: select by other columns, or ask for an exception from the mask.'
      : `Compare ${name} as a whole: = or IN with constants or parameters, IS NULL, GROUP BY, or = with another masked column; or ask for an exception from the mask.`;
  return denial('mask_predicate', message, hint);
}

export function copiedInto(
  { name, mask }: MaskedColumn,
  into: ReadonlySet<BaseColumn> | null,
): Denial {
  const [target] = into ?? [];
  const place =
    target === undefined
      ? 'a new table'
      : `${target.relation.schema}.${target.relation.name}.${target.column.name}`;
  return denial(
    'mask_copied',
    `${name} is masked (${ids(mask.ids)}), and what is made from it cannot be stored in ${place}.`,
    'Store it in its own column only, unchanged; or ask for an exception from the mask.',
  );
}

export function placeholderInto(column: string): Denial {
  return denial(
    'mask_placeholder',
    `What would be stored in ${column} is what a mask shows in place of a value, not a value.`,
    'Leave the column out of the statement, or give it a real value.',
  );
}

export function mayBePlaceholder(column: string): Denial {
  return denial(
    'mask_placeholder',
    `${column} is masked for you, and what would be stored in it cannot be checked beforehand.`,
    'Use INSERT or UPDATE with constants or the protocol’s own parameters.',
  );
}

export function redefined({ schema, name }: CatalogRelation): Denial {
  return denial(
    'mask_redefined',
    `${schema}.${name} has columns that are masked for you, so you cannot change its definition.`,
    'Ask somebody whom the mask does not concern.',
  );
}

function ids(masks: readonly string[]): string {
  return `mask ${masks.join(', ')}`;
}
