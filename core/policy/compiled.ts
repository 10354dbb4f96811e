// Conditions of a policy that has passed parsePolicy: every expression compiled there, so that failing here is a bug.
import type { TargetIdentity } from '../identity.ts';
import { compileCondition, type Condition, type Verdict } from './condition.ts';
import type { RuleDocument } from './document.ts';
import { TargetView, type Scope } from './vocabulary.ts';

/** Whether `on` covers a target, to be asked often. */
export function coverage(on: RuleDocument['on']): (target: TargetIdentity) => Verdict {
  if (on === undefined) return () => true;
  if (typeof on !== 'string') {
    const ids = new Set(on);
    return (target) => ids.has(target.id);
  }
  const condition = compiled(on, 'on');
  return (target) => condition?.holds({ target: new TargetView(target) }) ?? { error: 'missing' };
}

export function compiled(source: string | null, scope: Scope): Condition | null {
  if (source === null) return null;
  const result = compileCondition(source, scope);
  if (!result.ok)
    throw new Error(`a parsed policy holds a condition that does not compile: ${source}`);
  return result.value;
}
