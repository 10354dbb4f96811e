// application/x-www-form-urlencoded through masks: values are decoded, masked and encoded again; what no mask changes keeps its
// spelling. Read strictly: what two parsers would split or decode differently ends the body.
// @see https://url.spec.whatwg.org/#urlencoded-parsing
import type { Maskers } from '../masking/maskers/maskers.ts';
import { TEXT } from '../masking/maskers/value-type.ts';
import { createScanner, type Scanner } from '../masking/scan.ts';
import { checkHidden } from './masked-datum.ts';
import { malformed, tooLarge, type BodyMasker, type BodyMasks } from './masked-failure.ts';
import { flatKinds } from './masked-fields.ts';
import { heldText } from './masked-lines.ts';
import { percentDecoded, percentEncoded } from './percent.ts';

/** One name and value, held whole. */
const MAX_PAIR = 1024 * 1024;
/** By name: a hostile form has no end of them. */
const KEPT_SCANNERS = 256;
const TOO_LONG = 'form: a value of this length';

export function formBody(masks: BodyMasks, maskers: Maskers): BodyMasker {
  const kindOf = flatKinds(masks.fields);
  const names = createScanner(masks.detect, maskers, null);
  const scanners = new Map<string, Scanner>();

  function scannerOf(name: string): Scanner {
    let scanner = scanners.get(name);
    if (scanner === undefined) {
      if (scanners.size >= KEPT_SCANNERS) scanners.clear();
      scanner = createScanner(masks.detect, maskers, name);
      scanners.set(name, scanner);
    }
    return scanner;
  }

  function shownValue(name: string, value: string): string {
    const kind = kindOf(name);
    if (kind !== null) return maskers.mask(kind, value, { type: TEXT, detector: null }) ?? '';
    const scanner = scannerOf(name);
    const shown = scanner.part(value);
    // A value may be JSON.
    checkHidden(shown, scanner);
    return shown;
  }

  function pair(text: string): string {
    if (text.length > MAX_PAIR) throw tooLarge(TOO_LONG);
    // A bare semicolon separates to some, and a line break to others.
    if (!/^[!-~]*$/.test(text) || text.includes(';'))
      throw malformed('form: a character that is not encoded');
    const equals = text.indexOf('=');
    const rawName = equals === -1 ? text : text.slice(0, equals);
    const rawValue = equals === -1 ? '' : text.slice(equals + 1);
    const name = decoded(rawName);
    const value = decoded(rawValue);
    const shownName = names.part(name);
    const shown = value === '' ? '' : shownValue(name, value);
    return (
      (shownName === name ? rawName : percentEncoded(shownName)) +
      (equals === -1 ? '' : '=') +
      (shown === value ? rawValue : percentEncoded(shown))
    );
  }

  return heldText(
    {
      take(text, final) {
        let shown = '';
        let taken = 0;
        for (let end = text.indexOf('&'); end !== -1; end = text.indexOf('&', taken)) {
          shown += `${pair(text.slice(taken, end))}&`;
          taken = end + 1;
        }
        if (!final) return { shown, taken };
        // A line end behind the last value is the end of a file, not of the value.
        const rest = /^(.*?)(\r?\n)?$/s.exec(text.slice(taken));
        return { shown: shown + pair(rest?.[1] ?? '') + (rest?.[2] ?? ''), taken: text.length };
      },
    },
    MAX_PAIR,
    TOO_LONG,
  );
}

function decoded(text: string): string {
  const value = percentDecoded(text.replaceAll('+', ' '));
  if (value === null || value.includes('\0')) throw malformed('form: escapes that are no UTF-8');
  return value;
}
