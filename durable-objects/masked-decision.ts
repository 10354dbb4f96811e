// The last step of every decision: an allowed statement gets what is masked in its answer, or is refused where masks cannot
// be held to. A MaskedDecision is made here and nowhere else, and an engine is told nothing else (conversation.ts), so that
// no path to `allow` can forget it: by rule, after an approval, or in a window of access.
import type { ActionContent } from '../core/approval/request.ts';
import type { Decision, Denial } from '../core/decision.ts';
import type { Effect } from '../core/engine.ts';
import { unreachable } from '../core/failure.ts';
import type { Masking, MaskSet } from '../core/masking/mask.ts';
import { needsKey, needsModel, planMasks, type BoundValues } from '../core/masking/plan.ts';

type Decide = Extract<Effect, { kind: 'decide' }>;

declare const masked: unique symbol;

/** A decision whose masks have been seen to. The mark exists for the compiler only. */
export type MaskedDecision = Decision & { readonly [masked]: true };

/** The masks of the session's caller on its target. */
export interface MasksInForce {
  /** Null: none concerns the caller. */
  readonly masks: MaskSet | null;
  /** Whether the key is there that `hash` and `fake` take. */
  readonly keyed: boolean;
  /** Whether these models, by id, can be asked at this moment. Left out: none can. */
  readonly askable?: (models: readonly string[]) => boolean;
}

/**
 * `inForce: null`: the policy no longer knows the target, or has not been read; nothing is allowed then. An `approve` stays
 * one unless the statement could not run however it is decided: nobody is asked for what will be refused.
 */
export function maskedDecision(
  effect: Decide,
  decision: Decision,
  inForce: MasksInForce | null,
): MaskedDecision {
  return decide(effect, decision, inForce) as MaskedDecision;
}

function decide(effect: Decide, decision: Decision, inForce: MasksInForce | null): Decision {
  switch (decision.kind) {
    case 'deny':
      return decision;
    case 'allow':
    case 'approve':
      break;
    default:
      return unreachable(decision);
  }
  // Opening a session returns no rows; every statement in it is decided for itself.
  if (effect.action.kind === 'connect') return decision;
  const { revision, observed } = decision;
  if (inForce === null) return { ...UNKNOWN, revision, observed };
  if (inForce.masks === null) return decision;
  if (effect.action.kind === 'http' || effect.action.kind === 'mcp') {
    const masking = bodyMasking(inForce.masks);
    if (masking === null) return decision;
    if (!inForce.keyed && keyedBody(masking)) return { ...KEYLESS, revision, observed };
    return decision.kind === 'allow' ? { ...decision, masking } : decision;
  }
  const plan = planMasks(effect.lineage(), inForce.masks, () => boundValues(effect));
  if (!plan.ok) return { ...plan.denial, revision, observed };
  if (!inForce.keyed && needsKey(plan.masking)) return { ...KEYLESS, revision, observed };
  if (!askable(plan.masking, inForce)) return { ...MODELLESS, revision, observed };
  return decision.kind === 'allow' ? { ...decision, masking: plan.masking } : decision;
}

/** What has run by the time a model does not answer cannot be taken back: better refused before. */
function askable(masking: Masking, { askable: can }: MasksInForce): boolean {
  if (!needsModel(masking)) return true;
  return can?.((masking.models ?? []).map(({ model }) => model)) === true;
}

/** Masks of columns say nothing about bodies. Null: none is left. */
function bodyMasking({ fields = [], detect, models }: MaskSet): Masking | null {
  if (fields.length === 0 && detect.length === 0 && (models?.length ?? 0) === 0) return null;
  return { results: [], fields, detect, hushed: false, ...(models !== undefined && { models }) };
}

function keyedBody({ fields = [], detect, models = [] }: Masking): boolean {
  return [...fields, ...detect, ...models].some(({ kind }) => kind === 'hash' || kind === 'fake');
}

const UNKNOWN: Denial = {
  kind: 'deny',
  code: 'policy_unreadable',
  rule: null,
  message: 'The gateway cannot tell which masks are in force, so nothing is allowed.',
  hint: '',
};

const KEYLESS: Denial = {
  kind: 'deny',
  code: 'mask_key_missing',
  rule: null,
  message: 'What this returns is masked with a key, and the gateway has none.',
  hint: 'Its operator sets the secret POSTERN_MASK_KEY.',
};

const MODELLESS: Denial = {
  kind: 'deny',
  code: 'mask_model_unavailable',
  rule: null,
  message: 'What this returns is looked through by a model, which cannot be asked at the moment.',
  hint: 'Try again in a while. Statements that return no rows are not affected.',
};

/** Values are bound after a statement was prepared, and it is decided again with them. */
function boundValues({ preparing, content }: Decide): BoundValues {
  return preparing ? [] : valuesOf(content());
}

function valuesOf(content: ActionContent | null): BoundValues {
  if (content?.kind !== 'sql' || content.binds === null) return null;
  const { binds, bindFormats } = content;
  return binds.map((value, i) => (bindFormats?.[i] === 1 && value !== null ? text(value) : value));
}

/** Binary values stand as `\x` and hex; of a text type, the bytes are its UTF-8. */
function text(value: string): string {
  return Buffer.from(value.slice(2), 'hex').toString('utf8');
}
