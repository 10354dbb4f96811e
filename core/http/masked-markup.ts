// HTML, XML and Markdown through detectors, two ways at once: as it is written, and as it is read, without tags. In both,
// character references (`&#64;`, `&amp;#64;`) and escapes of scripts (`\u0040`) count as what they stand for, so that neither they
// nor a tag in the middle hide a value. What either way finds is replaced; its tags stay, behind it. Names that a document
// declares itself (`<!ENTITY`) and encodings that it claims are refused.
import { NO_BYTES, utf8 } from '../bytes.ts';
import type { DetectorMask } from '../masking/mask.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import { MASKED } from '../masking/maskers/placeholder.ts';
import { TEXT } from '../masking/maskers/value-type.ts';
import { kindsOf } from '../masking/scan.ts';
import { createUtf8Guard } from './masked-bytes.ts';
import { malformed, tooLarge, type BodyMasker } from './masked-failure.ts';
import { createMarkupLexer } from './masked-markup-lexer.ts';
import { createReading, mergedFindings, type Found } from './masked-markup-reading.ts';

/** Source text that neither reading has decided, UTF-16 code units. */
const MAX_PENDING = 1024 * 1024;
/** Where an encoding is declared: browsers look at the first 1024 bytes. */
const PROLOGUE = 1024;

export function markupBody(detect: readonly DetectorMask[], maskers: Maskers): BodyMasker {
  const kinds = kindsOf(detect);
  for (const kind of kinds.values()) maskers.require(kind);
  const guard = createUtf8Guard('text');
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const written = createReading([...kinds.keys()]);
  const read = createReading([...kinds.keys()]);
  const lexer = createMarkupLexer(written, read);
  let prologue: string | null = '';
  let pending = '';
  /** Offset of `pending` in the document. */
  let base = 0;

  function run(text: string, final: boolean): Uint8Array {
    if (prologue !== null) {
      prologue += text;
      if (!final && prologue.length < PROLOGUE) return NO_BYTES;
      checkEncoding(prologue.slice(0, PROLOGUE));
      text = prologue;
      prologue = null;
    }
    pending += text;
    lexer.push(text, final);
    const findings = mergedFindings(written, read);
    const shown = released(findings.decided, findings.found);
    if (pending.length > MAX_PENDING) throw tooLarge('markup: a stretch that cannot be told apart');
    return shown === '' ? NO_BYTES : utf8(shown);
  }

  function released(decided: number, found: readonly Found[]): string {
    let shown = '';
    let at = base;
    for (const { start, end, value, detector } of found) {
      shown += pending.slice(at - base, start - base);
      const kind = kinds.get(detector) ?? 'redact';
      shown += escaped(maskers.mask(kind, value, { type: TEXT, detector }) ?? MASKED);
      shown += lexer
        .tagsWithin(start, end)
        .map(([from, to]) => pending.slice(from - base, to - base))
        .join('');
      at = end;
    }
    shown += pending.slice(at - base, decided - base);
    pending = pending.slice(decided - base);
    base = decided;
    lexer.forget(base);
    return shown;
  }

  return {
    push(chunk) {
      guard.check(chunk);
      return run(decoder.decode(chunk, { stream: true }), false);
    },
    end() {
      guard.end();
      return run(decoder.decode(), true);
    },
  };
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A declaration is believed by some readers, whatever the header says. */
function checkEncoding(start: string): void {
  const declared =
    /<\?xml\s[^>]*?encoding\s*=\s*["']([^"'>]*)|<meta\b[^>]*?charset\s*=\s*["']?\s*([^"'\s/>;]*)/gi;
  for (const [, xml, html] of start.matchAll(declared)) {
    if (!/^(?:utf-?8|us-ascii|ascii)$/i.test(xml ?? html ?? ''))
      throw malformed('markup: another encoding than UTF-8');
  }
}
