// Masking alone, one thread, on this machine: rows, COPY data and JSON of a table of people, against the same rows walked
// and not changed. What the gateway does with them besides is in the other groups.
import { nativeCrypto } from '../adapters/crypto.ts';
import { concatBytes, utf8 } from '../core/bytes.ts';
import { ByteSink } from '../core/masking/byte-sink.ts';
import { createJsonMasker } from '../core/masking/json-stream.ts';
import type { ColumnPlan, CopyOutFormat, DetectorMask, MaskKind } from '../core/masking/mask.ts';
import { DETECTOR_IDS } from '../core/masking/detect/detector.ts';
import { createMaskers } from '../core/masking/maskers/maskers.ts';
import { createCopyMasker } from '../core/postgres/masked-copy.ts';
import { createRowMasker } from '../core/postgres/masked-rows.ts';
import { encodeDataRow } from '../core/postgres/server-messages.ts';
import type { Group } from './findings.ts';

const maskers = createMaskers({ key: new Uint8Array(32).fill(1), crypto: nativeCrypto });
const detect: readonly DetectorMask[] = DETECTOR_IDS.map((detector) => ({
  ids: ['bench'],
  detector,
  kind: 'redact',
}));
const tools = { maskers, detect };

function plan(
  treatment: ColumnPlan['treatment'],
  name: string,
  kind: MaskKind | null = null,
): ColumnPlan {
  return { treatment, kind, name, origins: new Set() };
}

const COLUMNS = ['id', 'name', 'mail', 'card', 'note', 'town'] as const;
const TYPES = [23, 25, 25, 25, 25, 25];
const WORDS = ['ready', 'when', 'the', 'parcel', 'was', 'left', 'with', 'a', 'neighbour', 'again'];

/** Every hundredth note holds an address. */
function person(id: number): readonly string[] {
  const note = Array.from({ length: 7 }, (_, at) => WORDS[(id * 7 + at * 3) % 10]).join(' ');
  return [
    String(id),
    `Person${id} Familyname`,
    `person.${id}@mail-${id % 97}.org`,
    `41111111${String(id % 1e8).padStart(8, '0')}`,
    id % 100 === 0 ? `${note} write to p${id}@web.de` : note,
    `Town of ${WORDS[id % 10] ?? ''}`,
  ];
}

const PEOPLE = Array.from({ length: 20_000 }, (_, id) => person(id));

interface Speed {
  readonly megabytes: number;
  readonly rows: number;
}

/** Best of `repeats`; `work` goes over all people once. */
function speed(bytes: number, repeats: number, work: () => void): Speed {
  let best = Infinity;
  work();
  for (let i = 0; i < repeats; i += 1) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return { megabytes: bytes / 1e3 / best, rows: (PEOPLE.length / best) * 1e3 };
}

function rows(columns: readonly ColumnPlan[], repeats: number): Speed {
  const stream = concatBytes(PEOPLE.map((each) => encodeDataRow(each.map(utf8))));
  const view = new DataView(stream.buffer);
  const fields = TYPES.map((typeOid) => ({ typeOid, format: 0 }));
  const sink = new ByteSink();
  return speed(stream.length, repeats, () => {
    const masker = createRowMasker(columns, fields, tools);
    for (let at = 0; at < stream.length;) {
      const end = at + 1 + view.getUint32(at + 1);
      if (sink.length > 64 * 1024) sink.clear();
      masker.append(stream, at + 5, end, sink);
      at = end;
    }
  });
}

function pieces(data: Uint8Array, push: (chunk: Uint8Array) => void): void {
  for (let at = 0; at < data.length; at += 64 * 1024) push(data.subarray(at, at + 64 * 1024));
}

const COPY_TEXT: CopyOutFormat = {
  format: 'text',
  delimiter: '\t',
  null: '\\N',
  quote: '"',
  escape: '"',
  header: false,
};

function copy(format: CopyOutFormat['format'], repeats: number): Speed {
  const separator = format === 'csv' ? ',' : '\t';
  const data = utf8(PEOPLE.map((each) => `${each.join(separator)}\n`).join(''));
  const how = { ...COPY_TEXT, format, delimiter: separator };
  return speed(data.length, repeats, () => {
    const masker = createCopyMasker(MASKED, how, tools, TYPES);
    pieces(data, (chunk) => masker.push(chunk));
    masker.end();
  });
}

/** As the server sends it, a row in each frame, and of types that nobody has said: CopyOutResponse does not. */
function copyRows(repeats: number): Speed {
  const rows = PEOPLE.map((each) => utf8(`${each.join('\t')}\n`));
  const data = concatBytes(rows);
  const sink = new ByteSink();
  return speed(data.length, repeats, () => {
    const masker = createCopyMasker(TYPED, COPY_TEXT, tools);
    let at = 0;
    for (const { length } of rows) {
      if (sink.length > 64 * 1024) sink.clear();
      masker.append(data, at, at + length, sink);
      at += length;
    }
    masker.end();
  });
}

function json(detectors: readonly DetectorMask[], repeats: number): Speed {
  const data = utf8(
    PEOPLE.map((each) => {
      const entries = COLUMNS.map(
        (name, at) => [name, at === 0 ? Number(each[at]) : each[at]] as const,
      );
      return `${JSON.stringify(Object.fromEntries(entries))}\n`;
    }).join(''),
  );
  const paths = [
    { path: '$.name', kind: 'redact' },
    { path: '$.mail', kind: 'redact' },
    { path: '$.card', kind: 'redact' },
  ] as const;
  return speed(data.length, repeats, () => {
    const masker = createJsonMasker({ maskers, detect: detectors, paths, context: null });
    pieces(data, (chunk) => masker.push(chunk));
    masker.end();
  });
}

const cellsOf = (kinds: readonly [MaskKind, MaskKind, MaskKind]): readonly ColumnPlan[] => [
  plan('pass', 'id'),
  plan('mask', 'name', kinds[0]),
  plan('mask', 'mail', kinds[1]),
  plan('mask', 'card', kinds[2]),
  plan('scan', 'note'),
  plan('scan', 'town'),
];
const MASKED = cellsOf(['redact', 'null', 'partial']);
/** What lineage says of masked columns. */
const TYPED = MASKED.map((each, at) =>
  each.treatment === 'mask' ? { ...each, typeOid: TYPES[at] ?? 25 } : each,
);

export function measureMasking(repeats = 5): Group {
  const measured: readonly (readonly [what: string, speed: Speed, atLeast?: number])[] = [
    [
      'rows, nothing to do',
      rows(
        COLUMNS.map((name) => plan('pass', name)),
        repeats,
      ),
    ],
    ['rows, 3 masked (redact, null, partial), 2 scanned', rows(MASKED, repeats)],
    [
      'rows, 3 masked (partial), 2 scanned',
      rows(cellsOf(['partial', 'partial', 'partial']), repeats),
    ],
    [
      'rows, 3 masked (hash of values that never repeat), 2 scanned',
      rows(cellsOf(['hash', 'hash', 'hash']), repeats),
    ],
    ['rows, 3 masked (fake), 2 scanned', rows(cellsOf(['fake', 'fake', 'fake']), repeats)],
    ['COPY text, the same columns', copy('text', repeats)],
    ['COPY CSV, the same columns', copy('csv', repeats)],
    ['COPY text, the same columns, a row a frame', copyRows(repeats)],
    ['NDJSON, 3 paths masked, the rest searched', json(detect, repeats), 60],
    ['NDJSON, 3 paths masked', json([], repeats)],
  ];
  return {
    name: 'masking',
    title: 'Masking, one thread',
    findings: measured.map(([what, { megabytes, rows }, atLeast]) => ({
      what,
      value: megabytes,
      unit: 'MB/s',
      note: `${Math.round(rows / 1000)} thousand rows/s`,
      ...(atLeast === undefined ? {} : { budget: { atLeast } }),
    })),
    raw: measured.map(([what, speed]) => ({ what, ...speed })),
  };
}
