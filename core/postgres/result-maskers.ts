// Binds the functions that mask bytes (masked-rows.ts, masked-copy.ts) to one deployment's maskers, for the engine's options.
import type { ModelFindings } from '../masking/detect/model-findings.ts';
import type { DetectorMask } from '../masking/mask.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import type { MaskTools } from './masked-cells.ts';
import { createCopyMasker } from './masked-copy.ts';
import { createRowMasker } from './masked-rows.ts';
import type { ResultMaskers } from './masking.ts';

/** `maskers` is asked for when something is masked for the first time: most sessions never do. */
export function createResultMaskers(maskers: () => Maskers): ResultMaskers {
  let known: Maskers | null = null;
  const tools = (detect: readonly DetectorMask[], model?: ModelFindings): MaskTools => {
    known ??= maskers();
    return { maskers: known, detect, ...(model && { model: model.texts(known) }) };
  };
  return {
    rows: (plan, described, detect, model) =>
      createRowMasker(plan, described, tools(detect, model)),
    copy: (plan, format, detect, model) => createCopyMasker(plan, format, tools(detect, model)),
  };
}
