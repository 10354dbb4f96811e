// What one policy changes over another, by the names in the file. The order of rules carries no meaning (outcome.ts), so
// moving one is no change.
import { limitLabel } from './limit.ts';
import type { Policy } from './policy.ts';

export interface FieldChange {
  /** `approval.quorum` */
  readonly field: string;
  /** As JSON; null: was not there, or is not there any more. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface PolicyChange {
  readonly section: 'issuer' | 'target' | 'rule' | 'model' | 'mask' | 'limit' | 'audit' | 'setting';
  readonly id: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** For `added` and `removed`, the entry's own fields. */
  readonly fields: readonly FieldChange[];
}

/** `before: null`: nothing has been applied yet. */
export function policyChanges(before: Policy | null, after: Policy): PolicyChange[] {
  return [
    ...sectionChanges('issuer', before?.issuers ?? [], after.issuers),
    ...sectionChanges('target', before?.targets ?? [], after.targets),
    ...sectionChanges('rule', before?.rules ?? [], after.rules),
    ...sectionChanges('model', before?.models ?? [], after.models),
    ...sectionChanges('mask', before?.masks ?? [], after.masks),
    ...sectionChanges('limit', limits(before), limits(after)),
    ...sectionChanges('audit', audit(before), audit(after)),
    ...sectionChanges('setting', settings(before), settings(after)),
  ];
}

/** An entry without an id goes by what it is about, as its count does. */
function limits(policy: Policy | null): readonly Entry[] {
  return (policy?.limits ?? []).map((limit) => ({ ...limit, id: limitLabel(limit) }));
}

function audit(policy: Policy | null): readonly Entry[] {
  return Object.entries(policy?.audit ?? {}).flatMap(([id, condition]) =>
    condition === null ? [] : [{ id, condition }],
  );
}

function settings(policy: Policy | null): readonly Entry[] {
  if (policy === null) return [];
  const entries = [
    { id: 'retention', ...policy.retention },
    { id: 'notify', ...policy.notify },
  ];
  return entries.filter((entry) => flat(entry).size > 1);
}

interface Entry {
  readonly id: string;
}

function sectionChanges(
  section: PolicyChange['section'],
  before: readonly Entry[],
  after: readonly Entry[],
): PolicyChange[] {
  const old = new Map(before.map((entry) => [entry.id, entry]));
  const kept = new Set(after.map(({ id }) => id));
  const removed = before.filter(({ id }) => !kept.has(id));
  return [
    ...removed.map((entry): PolicyChange => change(section, entry.id, entry, null)),
    ...after.flatMap((entry) => {
      const found = change(section, entry.id, old.get(entry.id) ?? null, entry);
      return found.fields.length === 0 ? [] : [found];
    }),
  ];
}

function change(
  section: PolicyChange['section'],
  id: string,
  before: Entry | null,
  after: Entry | null,
): PolicyChange {
  const old = before === null ? new Map<string, string>() : flat(before);
  const fresh = after === null ? new Map<string, string>() : flat(after);
  const fields = [...new Set([...old.keys(), ...fresh.keys()])].flatMap((field) => {
    const values = { before: old.get(field) ?? null, after: fresh.get(field) ?? null };
    return field === 'id' || values.before === values.after ? [] : [{ field, ...values }];
  });
  const kind = before === null ? 'added' : after === null ? 'removed' : 'changed';
  return { section, id, kind, fields };
}

/** Every leaf of an entry by its dotted name; lists are leaves. What is null or empty is not there. */
function flat(value: object, prefix = ''): Map<string, string> {
  const leaves = new Map<string, string>();
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    if (item === null || item === undefined || (Array.isArray(item) && item.length === 0)) continue;
    if (typeof item === 'object' && !Array.isArray(item)) {
      for (const [name, leaf] of flat(item, `${prefix}${key}.`)) leaves.set(name, leaf);
    } else {
      leaves.set(`${prefix}${key}`, JSON.stringify(item));
    }
  }
  return leaves;
}
