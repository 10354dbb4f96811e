// Attempts to get a value past the masks of a body. Each body is pushed byte by byte; it is masked, or it stops before the value
// has gone out. The last table says what is not seen, as docs/http.md does: a test that fails there is good news.
import { describe, expect, test } from 'vitest';
import { bodyMasker } from '../../../core/http/masked-body.ts';
import type { BodyMasks } from '../../../core/http/masked-body.ts';
import { bytesOf, FOUND, maskers, masks, outcome, through } from './masked-fixtures.ts';

const CARD = '4111111111111111';
const MAIL = 'ada@lovelace.org';
const FIELD = masks(['$.ssn', '$.user.ssn', '$[*].ssn']);
const DETECT = masks([], FOUND);

/** Whether a reader of any kind finds the value in it. */
function leaks(shown: string): boolean {
  const read = shown
    .replaceAll(/<[^<>]*>/g, '')
    .replaceAll(/&(?:amp;)*#(\d+);?/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll(/&(?:amp;)*#x([\da-f]+);?/gi, (_, code: string) =>
      String.fromCodePoint(Number.parseInt(code, 16)),
    )
    .replaceAll('&commat;', '@')
    .replaceAll(/\\u([\da-f]{4})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    )
    .replaceAll(/%([\da-f]{2})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
  const digits = read.normalize('NFKC').replaceAll(/\D/g, '');
  const letters = read.replaceAll(/[^\w@.]/g, '');
  return read.includes('canary') || digits.includes(CARD) || letters.includes(MAIL);
}

function utf16(text: string, littleEndian: boolean, mark: boolean): Uint8Array {
  const units = [...((mark ? '\uFEFF' : '') + text)].map((char) => char.charCodeAt(0));
  return Uint8Array.from(
    units.flatMap((unit) => (littleEndian ? [unit & 0xff, unit >> 8] : [unit >> 8, unit & 0xff])),
  );
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

type Attempt = readonly [
  what: string,
  type: string,
  body: string | Uint8Array,
  masks: BodyMasks,
  stops: string | null,
];
const BAD = 'mask_body_malformed';
const HIDDEN = 'mask_body_hidden';

const JSON_ATTEMPTS: readonly Attempt[] = [
  ['a key twice', 'application/json', '{"ssn":"canary","ssn":"canary"}', FIELD, null],
  ['an escaped key', 'application/json', '{"\\u0073\\u0073\\u006e":"canary"}', FIELD, null],
  [
    'a key of which a slash is escaped',
    'application/json',
    '{"a\\/b":"canary"}',
    masks(["$['a/b']"]),
    null,
  ],
  [
    'an object where a text was meant',
    'application/json',
    '{"ssn":{"canary":["canary",{"canary":1}]}}',
    FIELD,
    null,
  ],
  ['a list of documents', 'application/json', '[{"ssn":"canary"}]', FIELD, null],
  ['a second document in the line', 'application/json', '{} {"ssn":"canary"}', FIELD, BAD],
  ['loose digits', 'application/json', '4111 1111 1111 1111', DETECT, BAD],
  ['loose words', 'application/json', '{} ada@lovelace.org', DETECT, BAD],
  ['a card with a point', 'application/json', `{"n":${CARD}.0}`, DETECT, BAD],
  ['a card with an exponent', 'application/json', '[4.111111111111111e15]', DETECT, BAD],
  ['a card with a negative exponent', 'application/json', '[41111111111111110E-1]', DETECT, BAD],
  ['a negative card', 'application/json', `[-${CARD}]`, DETECT, null],
  ['an escaped at sign', 'application/json', '{"m":"ada\\u0040lovelace.org"}', DETECT, null],
  [
    'escaped digits',
    'application/json',
    `"${[...CARD].map((digit) => `\\u003${digit}`).join('')}"`,
    DETECT,
    null,
  ],
  [
    'full-width digits',
    'application/json',
    `"${[...CARD].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join('')}"`,
    DETECT,
    null,
  ],
  [
    'a NUL in an address',
    'application/json',
    String.raw`{"m":"ada\u0000@lovelace.org"}`,
    DETECT,
    null,
  ],
  [
    'control characters in a card',
    'application/json',
    String.raw`"4111\u00011111\u001f1111\u007f1111"`,
    DETECT,
    null,
  ],
  [
    'C1 controls in a card',
    'application/json',
    String.raw`"4111\u00801111\u009f1111\u00961111"`,
    DETECT,
    null,
  ],
  [
    'a control character between two values',
    'application/json',
    String.raw`"4111111111111111\u00004111111111111111"`,
    DETECT,
    null,
  ],
  ['zero-width joints', 'application/json', '"4111\u200b1111\u200d1111\u00ad1111"', DETECT, null],
  ['a value as a key', 'application/json', `{"${MAIL}":1}`, DETECT, null],
  ['an unquoted key', 'application/json', '{ssn:"canary"}', FIELD, BAD],
  ['single quotes', 'application/json', "{'ssn':'canary'}", FIELD, BAD],
  ['a comment before', 'application/json', '/* x */{"ssn":"canary"}', FIELD, BAD],
  ['a comment within', 'application/json', '{"ssn"/**/:"canary"}', FIELD, BAD],
  ['a loop that keeps scripts away', 'application/json', 'for(;;);{"ssn":"canary"}', FIELD, BAD],
  ['another prefix', 'application/json', '{}&&{"ssn":"canary"}', FIELD, BAD],
  ['a callback', 'application/json', 'cb({"ssn":"canary"})', FIELD, BAD],
  ['a prefix twice', 'application/json', `)]}'\n)]}'\n{"ssn":"canary"}`, FIELD, BAD],
  [
    'a byte order mark within',
    'application/json',
    '{"\uFEFFa":1,\uFEFF"ssn":"canary"}',
    FIELD,
    BAD,
  ],
  ['two byte order marks', 'application/json', '\uFEFF\uFEFF{"ssn":"canary"}', FIELD, BAD],
  ['UTF-16, marked', 'application/json', utf16('{"ssn":"canary"}', true, true), FIELD, BAD],
  ['UTF-16, unmarked', 'application/json', utf16('{"ssn":"canary"}', false, false), FIELD, BAD],
  [
    'a Latin-1 key',
    'application/json',
    latin1('{"caf\u00e9":"canary"}'),
    masks(["$['caf\u00e9']"]),
    BAD,
  ],
  [
    'an overlong quote',
    'application/json',
    latin1('{"a":"\u00c0\u00a2,"ssn":"canary"}'),
    FIELD,
    BAD,
  ],
  ['half a character in a key', 'application/json', latin1('{"ss\u00c3n":"canary"}'), FIELD, BAD],
  [
    'a line end in a string',
    'application/x-ndjson',
    '{"a":"\n{\\"ssn\\":\\"canary\\"}\n"}',
    FIELD,
    BAD,
  ],
  [
    'a document over two lines',
    'application/x-ndjson',
    '{"a":\n{"ssn":"canary"}}',
    masks(['$.a.ssn']),
    BAD,
  ],
  ['a record without its separator', 'application/json-seq', '{"ssn":"canary"}', FIELD, BAD],
  [
    'a separator in a string',
    'application/json-seq',
    '\u001e{"a":"\u001e{\\"ssn\\":\\"canary\\"}"}',
    FIELD,
    BAD,
  ],
  ['a number cut off', 'application/json-seq', `\u001e${CARD}\u001e1\n`, masks(['$']), BAD],
  ['nested without end', 'application/json', `${'['.repeat(3000)}"canary"`, masks(['$..ssn']), BAD],
  ['a document that ends early', 'application/json', '{"ssn":"canary', FIELD, BAD],
  ['more brackets than there are', 'application/json', '{}}{"ssn":"canary"}', FIELD, BAD],
];

const EVENT_ATTEMPTS: readonly Attempt[] = [
  ['data over lines', 'text/event-stream', 'data: {"ss\ndata: n":"canary"}\n\n', FIELD, BAD],
  [
    'a key over lines of one document',
    'text/event-stream',
    'data: {"ssn"\ndata: :\ndata: "canary"}\n\n',
    FIELD,
    null,
  ],
  [
    'CR only',
    'text/event-stream',
    'data: {"ssn":"canary"}\r\rdata: {"ssn":"canary"}\r\r',
    FIELD,
    null,
  ],
  ['a mark before data', 'text/event-stream', '\uFEFFdata: {"ssn":"canary"}\n\n', FIELD, null],
  [
    'a mark before later data',
    'text/event-stream',
    'data: 1\n\n\uFEFFdata: {"ssn":"canary"}\n\n',
    FIELD,
    null,
  ],
  ['a comment', 'text/event-stream', ': {"ssn":"canary"}\n\n', FIELD, null],
  ['an unknown field', 'text/event-stream', 'datum: {"ssn":"canary"}\n\n', FIELD, null],
  ['an event name', 'text/event-stream', 'event: {"ssn":"canary"}\ndata: 1\n\n', FIELD, BAD],
  ['an id', 'text/event-stream', `id: ${MAIL}\ndata: 1\n\n`, DETECT, null],
  ['text where a field was', 'text/event-stream', 'data: ssn=canary\n\n', FIELD, BAD],
  [
    'JSON in a frame',
    'text/event-stream',
    'data: 42["e",{"m":"ada\\u0040lovelace.org"}]\n\n',
    DETECT,
    HIDDEN,
  ],
  ['an event without its end', 'text/event-stream', 'data: {"ssn":"canary"}', FIELD, null],
  ['a sentinel with more', 'text/event-stream', 'data: [DONE] canary\n\n', FIELD, BAD],
  ['two documents', 'text/event-stream', 'data: {"a":1}\ndata: {"ssn":"canary"}\n\n', FIELD, BAD],
];

const FLAT_ATTEMPTS: readonly Attempt[] = [
  ['an encoded name', 'application/x-www-form-urlencoded', '%73sn=canary', FIELD, null],
  [
    'a name in brackets',
    'application/x-www-form-urlencoded',
    'user%5Bssn%5D[]=canary',
    FIELD,
    null,
  ],
  ['a semicolon as separator', 'application/x-www-form-urlencoded', 'a=1;ssn=canary', FIELD, BAD],
  ['a line end as separator', 'application/x-www-form-urlencoded', 'a=1\nssn=canary', FIELD, BAD],
  ['a broken escape', 'application/x-www-form-urlencoded', 'a=%zz&ssn=canary', FIELD, BAD],
  [
    'an encoded card',
    'application/x-www-form-urlencoded',
    `n=${[...CARD].map((digit) => `%3${digit}`).join('')}`,
    DETECT,
    null,
  ],
  ['a name without a value', 'application/x-www-form-urlencoded', MAIL, DETECT, null],
  ['semicolons in CSV', 'text/csv', 'id;ssn\n1;canary\n', FIELD, BAD],
  ['tabs in CSV', 'text/csv', 'id\tssn\n1\tcanary\n', FIELD, BAD],
  ['a byte order mark', 'text/csv', '\uFEFFssn,a\ncanary,1\n', FIELD, null],
  ['a mark and a quote', 'text/csv', '\uFEFF"ssn",a\ncanary,1\n', FIELD, null],
  ['blanks and case', 'text/csv', 'a, Ssn \n1,canary\n', FIELD, null],
  ['a row that is shorter', 'text/csv', 'a,ssn\ncanary\n', FIELD, BAD],
  ['a row that is longer', 'text/csv', 'ssn,a\n1,2,canary\n', FIELD, BAD],
  ['no row of names', 'text/csv', '1,canary\n2,x\n', FIELD, BAD],
  ['a backslash before a quote', 'text/csv', 'a,ssn\n"x\\",y",canary\n', FIELD, BAD],
  ['a quote in the middle', 'text/csv', 'a,ssn\nx"y,canary\n', FIELD, BAD],
  ['a quote that is not closed', 'text/csv', 'a,ssn\n"x,canary\n', FIELD, BAD],
  ['a line end in quotes', 'text/csv', 'ssn,a\n"can\nary",1\n', FIELD, null],
  ['a card with a point', 'text/csv', `n\n${CARD}.0\n`, DETECT, null],
  ['a card with an exponent', 'text/csv', 'n\n4.111111111111111E+15\n', DETECT, null],
  ['a mark before a later quote', 'text/csv', 'a,ssn\n\uFEFF"x,canary",1\n', FIELD, BAD],
  ['lines that end in two ways', 'text/csv', 'a,ssn\n1,2\rcanary,3\n', FIELD, BAD],
  ['line ends of Unicode', 'text/csv', 'a,ssn\nx\u2028,canary\n', FIELD, BAD],
  ['JSON in a cell', 'text/csv', 'a\n"{""m"":""ada\\u0040lovelace.org""}"\n', DETECT, HIDDEN],
  [
    'JSON in a form',
    'application/x-www-form-urlencoded',
    'p=%7B%22m%22:%22ada%5Cu0040lovelace.org%22%7D',
    DETECT,
    HIDDEN,
  ],
  ['a tab in quotes, in TSV', 'text/tab-separated-values', 'a\tssn\n"x\tcanary"\t1\n', FIELD, BAD],
];

const references = (text: string): string =>
  [...text].map((char) => `&#${char.charCodeAt(0)};`).join('');
const TEXT_ATTEMPTS: readonly Attempt[] = [
  ['UTF-16', 'text/plain', utf16(`card ${CARD}`, true, false), DETECT, BAD],
  ['zero bytes', 'text/plain', '4111\0' + '111111111111', DETECT, BAD],
  ['backspaces', 'text/plain', [...CARD].join('\b'), DETECT, BAD],
  ['C1 controls', 'text/plain', '4111\u009b1111\u009b1111\u009b1111', DETECT, BAD],
  [
    'bytes that a decoder drops',
    'text/plain',
    latin1('4111\u00ff1111\u00ff1111\u00ff1111'),
    DETECT,
    BAD,
  ],
  ['ASCII that is none', 'text/plain; charset=us-ascii', latin1(`\u00e9 ${CARD}`), DETECT, BAD],
  ['colours', 'text/plain', '4111\u001b[1m1111\u001b[m11111111', DETECT, null],
  ['references', 'text/html', references(MAIL), DETECT, null],
  [
    'references without semicolons',
    'text/html',
    references(CARD).replaceAll(';', ''),
    DETECT,
    null,
  ],
  ['hexadecimal, with zeros', 'text/html', 'ada&#x00000040;lovelace.org', DETECT, null],
  ['with too many zeros', 'text/html', `ada&#${'0'.repeat(200)}64;lovelace.org`, DETECT, BAD],
  [
    'references of references',
    'application/xml',
    references(MAIL).replaceAll('&', '&amp;'),
    DETECT,
    null,
  ],
  ['a name for the at sign', 'text/markdown', 'ada&commat;lovelace.org', DETECT, null],
  ['a soft hyphen by name', 'text/html', '4111&shy;1111&shy1111&ZeroWidthSpace;1111', DETECT, null],
  ['dashes of Windows-1252', 'text/html', '4111&#150;1111&#150;1111&#150;1111', DETECT, null],
  [
    'a name of its own',
    'application/xml',
    '<!DOCTYPE a [<!ENTITY x "@">]><a>ada&x;lovelace.org</a>',
    DETECT,
    BAD,
  ],
  ['elements in the middle', 'text/html', '<b>4111</b><i>1111</i><u>1111</u>1111', DETECT, null],
  ['a comment in the middle', 'text/html', 'ada@<!-- > x -->lovelace.org', DETECT, null],
  ['a comment that is over at once', 'text/html', '4111<!-->1111<!--->11111111', DETECT, null],
  [
    'CDATA in the middle',
    'text/xml',
    '<a>4111<![CDATA[1111]]>1111<![CDATA[1111]]></a>',
    DETECT,
    null,
  ],
  ['a tag that hides its end', 'text/html', `<img alt="x>y" title='"'>${MAIL}`, DETECT, null],
  ['a tag that never ends', 'text/html', `<p ${MAIL}`, DETECT, null],
  ['line ends that are blanks', 'text/html', '4111\n1111\r\n  1111\t\t1111', DETECT, null],
  ['an attribute', 'text/html', `<input value='${references(MAIL)}'>`, DETECT, null],
  ['an escape in a script', 'text/html', '<script>x="ada\\x40lovelace.org"</script>', DETECT, null],
  ['a claim of UTF-7', 'text/html', '<meta charset="utf-7">ada+AEA-lovelace.org', DETECT, BAD],
  ['a claim of EBCDIC', 'text/xml', '<?xml version="1.0" encoding="IBM037"?><a/>', DETECT, BAD],
  ['cells side by side', 'text/html', `<span>12</span><span>${CARD}</span>`, DETECT, null],
];

const all = [...JSON_ATTEMPTS, ...EVENT_ATTEMPTS, ...FLAT_ATTEMPTS, ...TEXT_ATTEMPTS];

describe('nothing gets past', () => {
  test.each(all)('%s (%s)', (_, type, body, wanted, stops) => {
    const { shown, stopped } = outcome(type, body, wanted);
    expect(stopped).toBe(stops);
    expect(leaks(shown)).toBe(false);
    // In one piece too.
    const whole = ((): string => {
      try {
        return through(type, body, wanted);
      } catch {
        return '';
      }
    })();
    expect(leaks(whole)).toBe(false);
  });

  test('the attempts would succeed without masks', () => {
    const readable = all.filter(([, , body]) => typeof body === 'string' && leaks(body));
    expect(readable.length).toBeGreaterThan(70);
  });

  test('nothing more comes out of a body that has failed', () => {
    const made = bodyMasker('application/json', FIELD, maskers);
    if (!made.ok) throw new Error('refused');
    expect(() => made.value.push(bytesOf('{} {"ssn":'))).toThrow();
    expect(() => made.value.push(bytesOf('"canary"}'))).toThrow();
    expect(() => made.value.end()).toThrow();
  });
});

describe('what is not seen, and documented', () => {
  const missed: readonly (readonly [string, string, string, BodyMasks])[] = [
    [
      'a field in JSON that is a text',
      'application/json',
      '{"a":"{\\"ssn\\":\\"canary\\"}"}',
      masks(['$..ssn']),
    ],
    [
      'a value in Base64',
      'application/json',
      `{"a":"${Buffer.from(MAIL).toString('base64')}"}`,
      DETECT,
    ],
    ['a value in a list', 'application/json', '[4111,1111,1111,1111]', DETECT],
    ['a key in another case', 'application/json', '{"SSN":"canary"}', masks(['$..ssn'])],
    [
      'a value over events',
      'text/event-stream',
      'data: {"t":"ada@love"}\n\ndata: {"t":"lace.org"}\n\n',
      DETECT,
    ],
    ['a value over lines', 'text/plain', '4111\n1111\n1111\n1111\n', DETECT],
    ['references in JSON', 'application/json', '{"html":"ada&#64;lovelace.org"}', DETECT],
  ];
  test.each(missed)('%s', (_, type, body, wanted) =>
    expect(through(type, body, wanted)).toBe(body),
  );
});
