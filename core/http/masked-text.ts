// Plain text through detectors: core/masking/terminal.ts, behind a guard that lets only one reading of the bytes through.
import { createTextMasker } from '../masking/terminal.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import type { DetectorMask } from '../masking/mask.ts';
import { createUtf8Guard } from './masked-bytes.ts';
import type { BodyMasker } from './masked-failure.ts';

export function textBody(detect: readonly DetectorMask[], maskers: Maskers): BodyMasker {
  const masker = createTextMasker({ maskers, detect, context: null });
  const guard = createUtf8Guard('text');
  return {
    push(chunk) {
      guard.check(chunk);
      return masker.push(chunk);
    },
    end() {
      guard.end();
      return masker.end();
    },
  };
}
