// Why a model could not say what a text holds. Never rendered to callers: they read one sentence for all of these, and the
// message holds names of secrets and bindings only, nothing of a text or an answer.

export class AnalyzerFailure extends Error {
  override readonly name = 'AnalyzerFailure';
}

/** Nobody was there to be asked: whoever asks next would find the same. */
export class AnalyzerAway extends AnalyzerFailure {}
