// CSV (RFC 4180) and tab-separated values through masks. The first row names the columns: masks by field cover columns, detectors
// look into every cell with its column's name as context. A row goes on when it is complete. Where a reader could put the
// borders of cells elsewhere (stray quotes, other delimiters, rows of another length) a masked column cannot be told, and the
// body ends.
import { createScanner, type Scanner } from '../masking/scan.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import type { MaskKind } from '../masking/mask.ts';
import { TEXT } from '../masking/maskers/value-type.ts';
import { checkHidden, hidden } from './masked-datum.ts';
import { malformed, tooLarge, type BodyMasker, type BodyMasks } from './masked-failure.ts';
import { flatKinds } from './masked-fields.ts';
import { wholeNumber } from './masked-json-guard.ts';
import { heldText } from './masked-lines.ts';

/** A row, held until it is complete. UTF-16 code units. */
const MAX_ROW = 1024 * 1024;
const TOO_LONG = 'table: a row of this length';
const MAX_COLUMNS = 4096;

export interface TableFormat {
  readonly delimiter: ',' | '\t';
  /** The type's `header` parameter (RFC 4180 section 3). */
  readonly header: 'present' | 'absent' | null;
}

interface Cell {
  readonly raw: string;
  readonly value: string;
  readonly quoted: boolean;
}

interface Row {
  readonly cells: readonly Cell[];
  readonly lineEnd: string;
  readonly next: number;
}

interface Column {
  readonly kind: MaskKind | null;
  readonly scanner: Scanner;
}

export function tableBody(format: TableFormat, masks: BodyMasks, maskers: Maskers): BodyMasker {
  const kindOf = flatKinds(masks.fields);
  const byField = masks.fields.length > 0;
  const bare = createScanner(masks.detect, maskers, null);
  let firstEnd: string | null = null;
  let columns: readonly Column[] | null = format.header === 'absent' ? [] : null;

  function shownCell(cell: Cell, column: Column | undefined): string {
    const { value } = cell;
    const kind = column?.kind ?? null;
    if (value === '') return cell.raw;
    let shown: string;
    if (kind === null) {
      const scanner = column?.scanner ?? bare;
      shown = scanner.part(value);
      checkHidden(shown, scanner);
      // `4111111111111111.0`, as programs write a column of numbers with a gap in it.
      const digits = /[.eE]/.test(value) ? wholeNumber(value.trim()) : null;
      if (digits !== null && scanner.part(digits) !== digits) {
        if (shown !== value) throw hidden();
        shown = scanner.part(digits);
      }
    } else shown = maskers.mask(kind, value, { type: TEXT, detector: null }) ?? '';
    if (shown === value) return cell.raw;
    const quotes = cell.quoted || /["\r\n]/.test(shown) || shown.includes(format.delimiter);
    return quotes ? `"${shown.replaceAll('"', '""')}"` : shown;
  }

  function header(cells: readonly Cell[]): void {
    const names = cells.map(({ value }, index) =>
      index === 0 ? value.replace(/^\u{FEFF}/u, '') : value,
    );
    if (byField && format.header !== 'present') checkNames(names);
    columns = names.map((name) => ({
      kind: kindOf(name),
      scanner: createScanner(masks.detect, maskers, name),
    }));
  }

  function shownRow({ cells, lineEnd }: Row): string {
    if (columns === null) {
      if (byField) checkBorders(cells, lineEnd);
      header(cells);
      return cells.map((cell) => shownCell(cell, undefined)).join(format.delimiter) + lineEnd;
    }
    const blank = cells.length === 1 && cells[0]?.raw === '';
    if (byField && !blank && cells.length !== columns.length)
      throw malformed('table: a row with more or fewer cells than the first one');
    if (byField) checkBorders(cells, lineEnd);
    // text/tab-separated-values has no quotes by its registration, and gets them from most programs.
    const twoWays = byField && format.delimiter === '\t';
    if (twoWays && cells.some(({ quoted, value }) => quoted && /[\t\r\n]/.test(value)))
      throw malformed('table: a tab or line end in quotes');
    const known = columns;
    return (
      cells.map((cell, index) => shownCell(cell, known[index])).join(format.delimiter) + lineEnd
    );
  }

  /** What ends a line to some readers only. */
  function checkBorders(cells: readonly Cell[], lineEnd: string): void {
    firstEnd ??= lineEnd;
    if (lineEnd !== '' && lineEnd !== firstEnd)
      throw malformed('table: lines that end in two ways');
    if (cells.some(({ raw }) => /[\v\f\u0085\u2028\u2029]/.test(raw)))
      throw malformed('table: a line end that is none to others');
  }

  const cut = createRowCutter(format.delimiter);
  return heldText(
    {
      take(text, final) {
        let shown = '';
        let taken = 0;
        for (let row = cut(text, 0, final); row !== null; row = cut(text, taken, final)) {
          if (row.next - taken > MAX_ROW) throw tooLarge(TOO_LONG);
          shown += shownRow(row);
          taken = row.next;
        }
        return { shown, taken };
      },
    },
    MAX_ROW,
    TOO_LONG,
  );
}

/** What stands first may be data, or cells with another delimiter: then no column can be told by its name. */
function checkNames(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    const plain = name.trim();
    if (plain === '' || /^[-+.]?\d|[;\t|@\r\n,]/.test(plain) || seen.has(plain))
      throw malformed('table: a first row that does not name the columns');
    seen.add(plain);
  }
}

/** The row at `start`, or null while it is not complete. A row that is not complete is read anew with what follows. */
function createRowCutter(
  delimiter: string,
): (text: string, start: number, final: boolean) => Row | null {
  const plainEnd = new RegExp(`["\\r\\n${delimiter}]`, 'g');
  let begun = false;
  return (text, start, final) => {
    if (start >= text.length) return null;
    const cells: Cell[] = [];
    let at = start;
    for (;;) {
      if (cells.length >= MAX_COLUMNS) throw malformed('table: too many columns');
      const from = at;
      let value: string;
      // A byte order mark stands before the quote of the first cell.
      const first = !begun && cells.length === 0 && text.charAt(at) === '\u{FEFF}' ? 1 : 0;
      const quoted = text.charAt(at + first) === '"';
      if (quoted) {
        let close = at + first + 1;
        for (;;) {
          close = text.indexOf('"', close);
          if (close === -1) {
            if (final) throw malformed('table: a quote that is not closed');
            return null;
          }
          // Whether another quote follows is not known yet.
          if (close + 1 === text.length && !final) return null;
          if (text.charAt(close + 1) !== '"') break;
          close += 2;
        }
        value = text.slice(at + first + 1, close).replaceAll('""', '"');
        at = close + 1;
      } else {
        plainEnd.lastIndex = at;
        const found = plainEnd.exec(text);
        if (found === null && !final) return null;
        at = found?.index ?? text.length;
        value = text.slice(from + first, at);
      }
      const char = text.charAt(at);
      if (char === '"' || (char !== delimiter && char !== '\r' && char !== '\n' && char !== ''))
        throw malformed('table: a quote in the middle of a cell');
      cells.push({ raw: text.slice(from, at), value, quoted });
      if (char === delimiter) {
        at += 1;
        if (at === text.length && !final) return null;
        continue;
      }
      if (char === '' && !final) return null;
      if (char === '\r' && at + 1 === text.length && !final) return null;
      const lineEnd = char === '\r' && text.charAt(at + 1) === '\n' ? '\r\n' : char;
      begun = true;
      return { cells, lineEnd, next: at + lineEnd.length };
    }
  };
}
