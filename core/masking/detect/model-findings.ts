// The findings of models in the texts of one session, between two passes over the same rows: the first notes the texts that
// nobody has been asked about, the second masks by what came back. In between the analyzer is asked (core/engine.ts,
// `analyze`). Detectors run before in both passes, so the model reads what they have left.
import type { Maskers } from '../maskers/maskers.ts';
import { MASKED } from '../maskers/placeholder.ts';
import { TEXT } from '../maskers/value-type.ts';
import type { MaskKind, ModelMask } from '../mask.ts';
import { strictestOf } from '../strictness.ts';
import type { AnalyzedText, ModelEntity, ModelFinding, ModelUse } from './model.ts';

/** Findings of texts seen before: repeated values of a column cost one question. UTF-16 code units of the texts. */
const MAX_KEPT_TEXTS = 4096;
const MAX_KEPT_LENGTH = 1024 * 1024;
const MAX_KEPT_TEXT_LENGTH = 1024;

/** A text that should have been asked about was not: a bug, or findings given up too early. Nothing of it may leave. */
export class NotAnalyzed extends Error {
  override readonly name = 'NotAnalyzed';
}

/** What masks texts by a model's findings; `context` is the name of the column or field. */
export interface ModelTexts {
  /** The very text where nothing is found in it, and while texts are only collected. Throws NotAnalyzed. */
  part(text: string, context: string): string;
}

type Findings = readonly ModelFinding[];

export class ModelFindings {
  /** What the models are asked for. */
  readonly uses: readonly ModelUse[];
  readonly #kinds = new Map<ModelEntity, readonly [MaskKind, ...MaskKind[]]>();
  /** A text without any of these has nothing that a model could find. */
  readonly #worth: RegExp;
  readonly #kept = new Map<string, Findings>();
  #keptLength = 0;
  /** Of the rows that are held; `null` is not answered yet. */
  readonly #current = new Map<string, Findings | null>();
  #missing: AnalyzedText[] = [];
  #missingLength = 0;
  #collecting = false;

  constructor(masks: readonly ModelMask[]) {
    const uses = new Map<string, ModelEntity[]>();
    for (const { model, entity, kind } of masks) {
      uses.set(model, [...(uses.get(model) ?? []), entity]);
      this.#kinds.set(entity, [kind, ...(this.#kinds.get(entity) ?? [])]);
    }
    this.uses = [...uses].map(([model, entities]) => ({ model, entities }));
    this.#worth = this.#kinds.has('date_of_birth') ? /[\p{L}\p{N}]/u : /\p{L}/u;
  }

  /** Texts that nobody has been asked about, in order. */
  get missing(): readonly AnalyzedText[] {
    return this.#missing;
  }

  /** UTF-16 code units of them. */
  get missingLength(): number {
    return this.#missingLength;
  }

  /** Inside of `pass`, texts are noted and left as they are. */
  collect<T>(pass: () => T): T {
    this.#collecting = true;
    try {
      return pass();
    } finally {
      this.#collecting = false;
    }
  }

  /** What was missing has been found to hold these, one list each. */
  answer(findings: readonly Findings[]): void {
    this.#missing.forEach((text, at) => {
      const found = findings[at];
      if (found !== undefined) this.#current.set(keyOf(text.text, text.context), found);
    });
    this.#missing = [];
    this.#missingLength = 0;
  }

  /** The rows that were held are gone: their findings may be forgotten. */
  release(): void {
    for (const [key, findings] of this.#current) if (findings !== null) this.#keep(key, findings);
    this.#current.clear();
    this.#missing = [];
    this.#missingLength = 0;
  }

  /** Throws MaskKeyMissing where a kind needs a key that is not there. */
  texts(maskers: Maskers): ModelTexts {
    for (const kinds of this.#kinds.values()) for (const kind of kinds) maskers.require(kind);
    return {
      part: (text, context) => {
        if (!this.#worth.test(text) || text === MASKED) return text;
        const findings = this.#of(text, context);
        return findings.length === 0 ? text : this.#masked(text, findings, maskers);
      },
    };
  }

  #of(text: string, context: string): Findings {
    const key = keyOf(text, context);
    const found = this.#current.get(key);
    if (found !== undefined && found !== null) return found;
    if (!this.#collecting) throw new NotAnalyzed('a text that no model was asked about');
    if (found === null) return [];
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#current.set(key, kept);
      return [];
    }
    this.#current.set(key, null);
    this.#missing.push({ text, context });
    this.#missingLength += text.length;
    return [];
  }

  /** Overlapping findings become one over all of them, by the strictest of their kinds. */
  #masked(text: string, findings: Findings, maskers: Maskers): string {
    const ordered = findings.toSorted((a, b) => a.start - b.start);
    let masked = '';
    let at = 0;
    for (let next = 0; next < ordered.length;) {
      const first = ordered[next];
      if (first === undefined) break;
      let { end } = first;
      const kinds: [MaskKind, ...MaskKind[]] = [this.#kind(first)];
      for (next += 1; next < ordered.length; next += 1) {
        const other = ordered[next];
        if (other === undefined || other.start >= end) break;
        end = Math.max(end, other.end);
        kinds.push(this.#kind(other));
      }
      const shown = maskers.mask(strictestOf(kinds), text.slice(first.start, end), {
        type: TEXT,
        detector: null,
      });
      masked += text.slice(at, first.start) + (shown ?? MASKED);
      at = end;
    }
    return masked + text.slice(at);
  }

  /** What was found without having been asked for would be hidden. */
  #kind({ entity }: ModelFinding): MaskKind {
    const kinds = this.#kinds.get(entity);
    return kinds === undefined ? 'redact' : strictestOf(kinds);
  }

  #keep(key: string, findings: Findings): void {
    if (key.length > MAX_KEPT_TEXT_LENGTH || this.#kept.has(key)) return;
    this.#kept.set(key, findings);
    this.#keptLength += key.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT_TEXTS && this.#keptLength <= MAX_KEPT_LENGTH) break;
      this.#kept.delete(oldest);
      this.#keptLength -= oldest.length;
    }
  }
}

/** No column's name holds NUL. */
function keyOf(text: string, context: string): string {
  return `${context}\0${text}`;
}
