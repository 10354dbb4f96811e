// Detection over text that arrives in pieces. Text is held back while a value may still be under way: until a cut
// (cuts.ts), at most WINDOW code units. However a text is cut into pieces, the findings are those of the whole.
import { advance } from './cuts.ts';
import { searchFor, type DetectionOptions } from './detection.ts';
import type { DetectorId, Finding } from './detector.ts';
import { HISTORY, search } from './search.ts';

export interface Released {
  /** What may go on, in order; empty while everything is held back. */
  readonly text: string;
  /** Offsets are those of `text`; no finding lies across its borders. */
  readonly findings: readonly Finding[];
}

export interface StreamDetection {
  push(chunk: string): Released;
  /** Gives up what is held back, for a terminal that waits for an echo: a value cut exactly here is not seen as one. */
  flush(): Released;
  /** Nothing follows. */
  end(): Released;
  /** Code units held back. */
  readonly held: number;
}

export function createStreamDetection(
  detectors: readonly DetectorId[],
  options: DetectionOptions = {},
): StreamDetection {
  const how = searchFor(detectors, options);
  // The past that searches look back at, then what is held back from `from` on.
  let buffer = '';
  let from = 0;

  function released(to: number, findings: readonly Finding[]): Released {
    const text = buffer.slice(from, to);
    const moved = findings.map((each) => ({
      ...each,
      start: each.start - from,
      end: each.end - from,
    }));
    const past = Math.max(0, to - HISTORY);
    buffer = buffer.slice(past);
    from = to - past;
    return { text, findings: moved };
  }

  function run(final: boolean): Released {
    const findings: Finding[] = [];
    let cut = from;
    for (
      let step = advance(how, buffer, cut, final);
      step !== null;
      step = advance(how, buffer, cut, final)
    ) {
      findings.push(...step.findings);
      cut = step.cut;
    }
    return released(cut, findings);
  }

  return {
    push(chunk) {
      buffer += chunk;
      return run(false);
    },
    flush() {
      const { text, findings } = run(false);
      const rest = released(buffer.length, search(how, buffer, from, buffer.length));
      const moved = rest.findings.map((each) => ({
        ...each,
        start: each.start + text.length,
        end: each.end + text.length,
      }));
      return { text: text + rest.text, findings: [...findings, ...moved] };
    },
    end: () => run(true),
    get held() {
      return buffer.length - from;
    },
  };
}
