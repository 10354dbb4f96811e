// The masks of one caller laid over where the values of a text come from: what is done with each column of each result, or
// why the text must not run. Pure, and decided before anything is sent. What is not proven clean is refused or masked.
// Which masks concern the caller is core/policy/mask.ts; where values come from is core/sql/lineage.
import type { Denial } from '../decision.ts';
import type {
  Assignment,
  ColumnUse,
  OutputColumn,
  StatementLineage,
  TextLineage,
} from '../sql/lineage/lineage.ts';
import { MaskedColumns } from './masked-columns.ts';
import type { ColumnPlan, Masking, MaskSet, ResultPlan } from './mask.ts';
import {
  copiedInto,
  mayBePlaceholder,
  placeholderInto,
  predicateRefused,
  redefined,
  unproven,
  unreadable,
} from './refusal.ts';
import { isPlaceholder } from './maskers/placeholder.ts';

export type MaskPlan =
  | { readonly ok: true; readonly masking: Masking }
  | { readonly ok: false; readonly denial: Denial };

/**
 * Bind values by parameter, from 0, as text: null for NULL, and for what is no text. Null where parameters get values that
 * are not known; empty while a statement is only prepared and will be asked about again with its values.
 */
export type BoundValues = readonly (string | null)[] | null;

/** What a text gets whatever its parameters are; and the parameters that are stored in masked columns. */
interface Settled {
  readonly plan: MaskPlan;
  readonly stored: readonly { readonly parameter: number; readonly column: string }[];
}

/** Lineage objects are remembered with what the text was found to be, and mask sets live as long as a policy revision. */
const settled = new WeakMap<MaskSet, WeakMap<TextLineage, Settled>>();

/** `lineage: null` is a text that could not be looked through at all. */
export function planMasks(
  lineage: TextLineage | null,
  masks: MaskSet,
  values: () => BoundValues,
): MaskPlan {
  if (lineage === null) return { ok: false, denial: unreadable };
  let known = settled.get(masks);
  if (known === undefined) settled.set(masks, (known = new WeakMap()));
  let found = known.get(lineage);
  if (found === undefined) known.set(lineage, (found = settle(lineage, masks)));
  return found.stored.length === 0 ? found.plan : withValues(found, values());
}

/** Whether carrying the plan out takes the key of hash and fake. */
export function needsKey({ results, detect, models }: Masking): boolean {
  const keyed = (kind: string | null) => kind === 'hash' || kind === 'fake';
  const scanning = [...detect, ...(models ?? [])].some(({ kind }) => keyed(kind));
  return results.some(({ columns }) =>
    (columns ?? []).some(
      ({ treatment, kind }) => keyed(kind) || (treatment === 'scan' && scanning),
    ),
  );
}

/** Whether rows would come that a model has to look into. */
export function needsModel({ results, models }: Masking): boolean {
  if (models === undefined || models.length === 0) return false;
  return results.some(({ columns }) => columns?.some(({ treatment }) => treatment === 'scan'));
}

function withValues({ plan, stored }: Settled, values: BoundValues): MaskPlan {
  for (const { parameter, column } of stored) {
    if (values === null) return { ok: false, denial: mayBePlaceholder(column) };
    const value = values[parameter - 1] ?? null;
    if (value !== null && isPlaceholder(value)) {
      return { ok: false, denial: placeholderInto(column) };
    }
  }
  return plan;
}

function settle(lineage: TextLineage, masks: MaskSet): Settled {
  const masked = new MaskedColumns(masks);
  for (const statement of lineage) {
    const denial = refusal(statement, masked, masks);
    if (denial !== null) return { plan: { ok: false, denial }, stored: [] };
  }
  const { models = [] } = masks;
  // No model is asked about errors, notices and payloads: what could hold a name is not shown.
  const modelled = models.length > 0;
  const masking: Masking = {
    results: lineage.map((statement) => resultPlan(statement, masked, masks)),
    detect: masks.detect,
    ...(modelled && { models }),
    hushed: modelled || lineage.some((statement) => hushed(statement, masked)),
    ...((modelled || masks.detectOnly !== true) && { payloadsWithheld: true as const }),
  };
  return {
    plan: { ok: true, masking },
    stored: lineage.flatMap(({ assignments }) =>
      assignments.flatMap(({ into, parameter }) => {
        const column = into === null || parameter === null ? null : masked.first(into);
        return column === null || parameter === null ? [] : [{ parameter, column: column.name }];
      }),
    ),
  };
}

function refusal(
  statement: StatementLineage,
  masked: MaskedColumns,
  masks: MaskSet,
): Denial | null {
  if (masks.detectOnly !== true) {
    const [what] = statement.unproven;
    if (what !== undefined) return unproven(what);
    const strange = statement.untrusted.find((name) => !masks.safeFunctions.has(name));
    if (strange !== undefined) return unproven(`the function ${strange}`);
    const [other] = [...(statement.shadowed ?? [])].filter((each) => masked.anyOf(new Set([each])));
    if (other !== undefined) {
      return unproven(
        `a name without a schema, for which ${other.schema}.${other.name} would stand too`,
      );
    }
  }
  const changed = masked.redefined(statement);
  if (changed !== null) return redefined(changed);
  for (const use of statement.uses) {
    const column = masked
      .all(use.columns)
      .find(
        ({ mask: { predicates } }) =>
          predicates === 'deny' ||
          (predicates === 'equality' && (use.how !== 'equality' || tried(use, masked))),
      );
    if (column !== undefined) return predicateRefused(column, use);
  }
  for (const assignment of statement.assignments) {
    const denial = assignmentRefusal(assignment, masked);
    if (denial !== null) return denial;
  }
  for (const into of statement.copyIn ?? []) {
    // The data comes later and piece by piece; nobody could take it back once a placeholder shows.
    const column = masked.first(into);
    if (column !== null) return mayBePlaceholder(column.name);
  }
  return null;
}

/** A stored column that no mask covers may hold every value there could be: to compare with it is to try them all. */
function tried({ sides }: ColumnUse, masked: MaskedColumns): boolean {
  return sides?.some((side) => masked.first(side) === null) === true;
}

function assignmentRefusal(
  { into, from, constant }: Assignment,
  masked: MaskedColumns,
): Denial | null {
  for (const carried of masked.all(from.columns)) {
    // A part or a hash of a value in its own column could be looked up by equality, a piece at a time.
    if (into === null || !from.direct || !into.has(carried.column)) {
      return copiedInto(carried, into);
    }
  }
  const column = into === null || constant === null ? null : masked.first(into);
  if (column === null || constant === null || !isPlaceholder(constant)) return null;
  return placeholderInto(column.name);
}

function resultPlan(
  { outputs, copyOut }: StatementLineage,
  masked: MaskedColumns,
  masks: MaskSet,
): ResultPlan {
  const columns = outputs?.map((output) => columnPlan(output, masked, masks)) ?? null;
  return { columns, copyOut };
}

function columnPlan(output: OutputColumn, masked: MaskedColumns, masks: MaskSet): ColumnPlan {
  const origins = new Set(
    [...output.columns].map(({ relation, column }) => `${relation.oid}.${column.attnum}`),
  );
  const { name } = output;
  const kind = masked.kind(output.columns);
  if (kind === null) {
    const scanning = masks.detect.length > 0 || (masks.models ?? []).length > 0;
    const treatment = scanning ? 'scan' : 'pass';
    return { treatment, kind: null, name, origins };
  }
  if (!output.direct) return { treatment: 'redact', kind: null, name, origins };
  const types = new Set([...output.columns].map(({ column }) => column.type));
  const [typeOid] = types;
  if (typeOid === undefined || types.size > 1) return { treatment: 'mask', kind, name, origins };
  return { treatment: 'mask', kind, name, origins, typeOid };
}

/** An error of these could quote a value that a mask covers: of a masked table, or inside what was vouched for. */
function hushed(statement: StatementLineage, masked: MaskedColumns): boolean {
  if (statement.unproven.length > 0 || statement.untrusted.length > 0) return true;
  return masked.anyOf(statement.touches);
}
