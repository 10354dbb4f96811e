// Models that are asked what texts hold (docs/masking.md, "Models"). Fails closed: whatever goes wrong with any of them, the
// answer is null and nothing of the result is shown. How each kind is asked is analyzer-presidio.ts and
// analyzer-workers-ai.ts; here are the bounds.
import { unreachable } from '../core/failure.ts';
import { ANALYSIS_TIMEOUT_MS } from '../core/limits.ts';
import {
  areFindings,
  type AnalyzedText,
  type ModelFinding,
  type ModelUse,
} from '../core/masking/detect/model.ts';
import type { PolicyModel } from '../core/policy/model.ts';
import { AnalyzerAway, AnalyzerFailure } from './analyzer-failure.ts';
import { inText, piecesOf, questionsOf, type Piece } from './analyzer-pieces.ts';
import { askPresidio, presidioIsSet } from './analyzer-presidio.ts';
import { aiBinding, askWorkersAi } from './analyzer-workers-ai.ts';
import { withinMs } from './deadline.ts';
import type { Env } from './env.ts';

type Findings = readonly (readonly ModelFinding[])[];

/** Bounds of one question, by kind: what answers within seconds. UTF-16 code units. */
const QUESTION: Readonly<
  Record<PolicyModel['kind'], { piece: number; texts: number; length: number }>
> = {
  presidio: { piece: 8192, texts: 64, length: 64 * 1024 },
  workersAi: { piece: 2048, texts: 16, length: 4096 },
};
/** Pieces of all texts together: more cannot be asked within the time there is. */
const MAX_PIECES = 4096;
/** Questions at a time; a Worker has six connections for everything. */
const MAX_AT_A_TIME = 3;
/** After a model could not be reached, nobody waits for it again before this. */
const AWAY_FOR_MS = 5000;

const awayUntil = new Map<string, number>();

/** A list for each text; null where a model cannot be asked or its answer cannot be gone by. Never rejects. */
export async function analyze(
  env: Env,
  models: ReadonlyMap<string, PolicyModel>,
  uses: readonly ModelUse[],
  texts: readonly AnalyzedText[],
  timeoutMs: number = ANALYSIS_TIMEOUT_MS,
): Promise<Findings | null> {
  try {
    const answers = await withinMs(timeoutMs, () => {
      const signal = AbortSignal.timeout(timeoutMs);
      return Promise.all(
        uses.map((use) => {
          const model = models.get(use.model);
          if (model === undefined) throw new AnalyzerFailure(`there is no model ${use.model}`);
          return asked(env, model, use, texts, signal);
        }),
      );
    });
    const findings = texts.map((_, at) => answers.flatMap((answer) => answer[at] ?? []));
    return uses.length > 0 && areFindings(texts, findings) ? findings : null;
  } catch (error) {
    // Its kind and our own words only: an answer could quote a text.
    const why = error instanceof AnalyzerFailure ? error.message : nameOf(error);
    console.warn(JSON.stringify({ event: 'analyzer_failed', why }));
    return null;
  }
}

/** Whether it makes sense to run what these have to look into: they are set up, and were there when last asked. */
export function canAnalyze(
  env: Env,
  models: ReadonlyMap<string, PolicyModel>,
  ids: readonly string[],
  nowMs: number,
): boolean {
  return ids.every((id) => {
    const model = models.get(id);
    if (model === undefined || (awayUntil.get(keyOf(model)) ?? 0) > nowMs) return false;
    switch (model.kind) {
      case 'presidio':
        return presidioIsSet(env, model);
      case 'workersAi':
        return aiBinding(env, model) !== null;
      default:
        return unreachable(model);
    }
  });
}

async function asked(
  env: Env,
  model: PolicyModel,
  { entities }: ModelUse,
  texts: readonly AnalyzedText[],
  signal: AbortSignal,
): Promise<Findings> {
  const { piece, ...most } = QUESTION[model.kind];
  const pieces = piecesOf(texts, piece);
  if (pieces.length > MAX_PIECES)
    throw new AnalyzerFailure('more text than a model can be asked about');
  const questions = questionsOf(pieces, most);
  const findings: ModelFinding[][] = texts.map(() => []);
  const next = async (): Promise<void> => {
    for (let question = questions.shift(); question !== undefined; question = questions.shift()) {
      const answer = await answered(env, model, entities, question, signal);
      question.forEach((of, at) => {
        findings[of.of]?.push(...(answer[at] ?? []).map((finding) => inText(of, finding)));
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: MAX_AT_A_TIME }, next));
  } finally {
    // The first failure is everybody's: nothing more is asked.
    questions.length = 0;
  }
  return findings;
}

async function answered(
  env: Env,
  model: PolicyModel,
  entities: ModelUse['entities'],
  question: readonly Piece[],
  signal: AbortSignal,
): Promise<Findings> {
  try {
    switch (model.kind) {
      case 'presidio':
        return await askPresidio(env, model, entities, question, signal);
      case 'workersAi':
        return await askWorkersAi(env, model, entities, question);
      default:
        return unreachable(model);
    }
  } catch (error) {
    if (error instanceof AnalyzerAway) awayUntil.set(keyOf(model), Date.now() + AWAY_FOR_MS);
    throw error;
  }
}

function keyOf(model: PolicyModel): string {
  return JSON.stringify(model);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
