// Cuts marked-up text into what is read in two ways (masked-markup.ts): tags, comments, character references, escapes of
// scripts, white space. Lenient as readers of HTML are; where it errs, one of the two readings still has the text as it stands.
import { malformed } from './masked-failure.ts';
import type { Reading } from './masked-markup-reading.ts';

export interface MarkupLexer {
  push(text: string, final: boolean): void;
  /** Tags that lie within a stretch of the source, as [start, end). */
  tagsWithin(start: number, end: number): readonly (readonly [number, number])[];
  /** Nothing before is asked for any more. */
  forget(before: number): void;
}

/** No token is longer: one that begins so far before the end of a chunk is whole. */
const LONGEST_TOKEN = 96;
/** A longer tag between two parts of a value is not looked past. */
const LONGEST_TAG = 32 * 1024;

const REFERENCE =
  /&#[xX]?(0{25})|&(?:amp;?){0,3}(?:#0{0,24}(\d{1,7});?|#[xX]0{0,24}([0-9a-f]{1,6});?|([A-Za-z]{2,24});|(nbsp|shy|middot))/;
const ESCAPE = /\\u([0-9a-f]{4})|\\u\{0{0,8}([0-9a-f]{1,6})\}|\\x([0-9a-f]{2})/;
const MARKUP =
  /<!---?>|<!--|--!?>|<!\[CDATA\[|\]\]>|<!ENTITY|<\/?[a-z][a-z0-9:-]{0,24}|<[!?]|["'>]/;
const SPACE = /[ \t]{2,32}|[ \t]{0,8}[\r\n]\s{0,32}/;
const TOKEN = new RegExp(
  [REFERENCE, ESCAPE, MARKUP, SPACE].map(({ source }) => source).join('|'),
  'gi',
);

/** References by name to characters that values are made of, or that nobody sees (HTML, "Named character references"). */
const NAMES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  commat: '@',
  period: '.',
  lowbar: '_',
  UnderBar: '_',
  num: '#',
  colon: ':',
  sol: '/',
  bsol: '\\',
  plus: '+',
  equals: '=',
  dollar: '$',
  percnt: '%',
  ast: '*',
  midast: '*',
  excl: '!',
  quest: '?',
  comma: ',',
  semi: ';',
  lpar: '(',
  rpar: ')',
  lsqb: '[',
  lbrack: '[',
  rsqb: ']',
  rbrack: ']',
  lcub: '{',
  lbrace: '{',
  rcub: '}',
  rbrace: '}',
  verbar: '|',
  vert: '|',
  Hat: '^',
  grave: '`',
  hyphen: '\u2010',
  dash: '\u2010',
  ndash: '\u2013',
  mdash: '\u2014',
  minus: '\u2212',
  nbsp: '\u00A0',
  NonBreakingSpace: '\u00A0',
  ensp: '\u2002',
  emsp: '\u2003',
  thinsp: '\u2009',
  ThinSpace: '\u2009',
  hairsp: '\u200A',
  VeryThinSpace: '\u200A',
  numsp: '\u2007',
  puncsp: '\u2008',
  emsp13: '\u2004',
  emsp14: '\u2005',
  MediumSpace: '\u205F',
  shy: '\u00AD',
  zwj: '\u200D',
  zwnj: '\u200C',
  ZeroWidthSpace: '\u200B',
  NoBreak: '\u2060',
  lrm: '\u200E',
  rlm: '\u200F',
  InvisibleTimes: '\u2062',
  it: '\u2062',
  InvisibleComma: '\u2063',
  ic: '\u2063',
  ApplyFunction: '\u2061',
  af: '\u2061',
  Tab: '\t',
  NewLine: '\n',
  middot: '\u00B7',
  centerdot: '\u00B7',
  horbar: '\u2015',
  NegativeThinSpace: '\u200B',
  NegativeMediumSpace: '\u200B',
  NegativeThickSpace: '\u200B',
  NegativeVeryThinSpace: '\u200B',
};

/** Elements that begin a line, or a cell of their own, wherever they are shown. */
const BLOCK =
  /^<\/?(?:address|article|aside|blockquote|body|br|caption|dd|details|div|dl|dt|fieldset|figure|footer|form|h[1-6]|head|header|hr|html|li|main|nav|ol|option|p|pre|script|section|select|style|summary|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul)$/i;

export function createMarkupLexer(written: Reading, read: Reading): MarkupLexer {
  let held = '';
  /** Offset of `held` in the document. */
  let offset = 0;
  let tags: (readonly [number, number])[] = [];
  /** Where the tag or comment begins that we are in; -1 outside. */
  let tag = -1;
  let comment = false;
  let quote = '';
  let broken = false;
  /** The reading without tags ends in white space. */
  let spaced = false;

  function plain(text: string, at: number): void {
    written.plain(text, at);
    if (tag < 0 && text !== '') {
      read.plain(text, at);
      spaced = false;
    }
  }

  function open(at: number, length: number): void {
    tag = at;
    written.plain(held.slice(at - offset, at - offset + length), at);
  }

  function close(at: number, length: number): void {
    written.plain(held.slice(at - offset, at - offset + length), at);
    tags.push([tag, at + length]);
    tag = -1;
    comment = false;
    quote = '';
    broken = false;
  }

  function token(match: RegExpExecArray, at: number): void {
    const [text] = match;
    const first = text.charCodeAt(0);
    const character = first === 0x26 || first === 0x5c ? characterOf(match) : null;
    if (character !== null) {
      written.stands(character, at, text.length);
      if (tag < 0) {
        read.stands(character, at, text.length);
        spaced = false;
      }
      return;
    }
    if (first === 0x3c && /^<!ENTITY$/i.test(text))
      throw malformed('markup: names that the document declares itself');
    if (tag >= 0) {
      insideTag(text, at);
      return;
    }
    if (/^<!---?>$/.test(text)) {
      open(at, text.length);
      tags.push([at, at + text.length]);
      tag = -1;
    } else if (text === '<!--') {
      open(at, text.length);
      comment = true;
    } else if (/^<!\[CDATA\[$/i.test(text) || text === ']]>') {
      open(at, text.length);
      tags.push([at, at + text.length]);
      tag = -1;
    } else if (text.startsWith('<')) {
      open(at, text.length);
      if (BLOCK.test(text)) {
        read.stands('\n', at, text.length);
        spaced = true;
      }
    } else if (/^\s/.test(text)) {
      written.plain(text, at);
      if (!spaced) read.stands(' ', at, text.length);
      spaced = true;
    } else plain(text, at);
  }

  function insideTag(text: string, at: number): void {
    const ends = /^(?:--!?>|<!---?>)$/.test(text) || (text === '>' && !comment);
    if (ends && (comment || quote === '')) close(at, text.length);
    else {
      if (text === '"' || text === "'") quote = quote === '' ? text : quote === text ? '' : quote;
      written.plain(text, at);
      if (!broken && at - tag > LONGEST_TAG) {
        // What came before it is decided now.
        read.stands('\n', at, text.length);
        broken = true;
        spaced = true;
      }
    }
  }

  return {
    push(text, final) {
      held += text;
      const limit = final ? held.length : held.length - LONGEST_TOKEN;
      let at = 0;
      while (at < limit) {
        TOKEN.lastIndex = at;
        const match = TOKEN.exec(held);
        const next = match === null ? limit : Math.min(match.index, limit);
        if (next > at) plain(held.slice(at, next), offset + at);
        at = next;
        if (match === null || match.index >= limit) break;
        token(match, offset + at);
        at += match[0].length;
      }
      at = Math.max(at, 0);
      offset += at;
      held = held.slice(at);
      written.run(offset, final);
      read.run(offset, final);
    },
    tagsWithin(start, end) {
      let low = 0;
      let high = tags.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((tags[middle]?.[0] ?? 0) < start) low = middle + 1;
        else high = middle;
      }
      const within: (readonly [number, number])[] = [];
      for (let tag = tags[low]; tag !== undefined && tag[1] <= end; tag = tags[low]) {
        within.push(tag);
        low += 1;
      }
      return within;
    },
    forget(before) {
      tags = tags.filter(([from]) => from >= before);
    },
  };
}

/** The character that a reference or an escape stands for; null for other tokens and unknown names. */
function characterOf(match: RegExpExecArray): string | null {
  const [, zeros, decimal, hex, name, legacy, unicode, braced, byte] = match;
  if (zeros !== undefined) throw malformed('markup: a character reference of this length');
  const named = name ?? legacy;
  if (named !== undefined) return NAMES[named] ?? NAMES[named.toLowerCase()] ?? null;
  const sixteen = hex ?? unicode ?? braced ?? byte;
  if (decimal === undefined && sixteen === undefined) return null;
  return shownAs(decimal === undefined ? Number.parseInt(sixteen ?? '', 16) : Number(decimal));
}

/** Control characters are not seen; those that Windows-1252 has dashes for are read as dashes. */
function shownAs(code: number): string | null {
  if (code === 0x96 || code === 0x97) return '-';
  const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  if (control && code !== 0x09 && code !== 0x0a && code !== 0x0d && code !== 0x85) return '\u200B';
  return code > 0x10ffff ? null : String.fromCodePoint(code);
}
