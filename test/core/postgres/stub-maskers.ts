// Stand-ins for what masks bytes: every cell of a column that does not pass becomes X, in whatever format. With plans
// written by hand this is enough to see what the engine does with them.
import { ByteReader } from '../../../core/bytes.ts';
import { ProtocolViolation } from '../../../core/failure.ts';
import type { ByteSink } from '../../../core/masking/byte-sink.ts';
import type { ColumnPlan, Masking, ResultPlan } from '../../../core/masking/mask.ts';
import type { DescribedColumn, ResultMaskers } from '../../../core/postgres/masking.ts';
import { cstr, dataRow, frame, i16, i32, text } from './wire.ts';

/** Nothing of it may ever reach a client. */
export const CANARY = 'canary-7f3a';

/** `pass`, `mask` or `redact`, and where the column comes from: `oid.attnum`. */
export type Column = readonly [
  name: string,
  treatment: ColumnPlan['treatment'],
  ...origins: readonly string[],
];

export function columns(...all: readonly Column[]): ColumnPlan[] {
  return all.map(([name, treatment, ...origins]) => ({
    name,
    treatment,
    kind: treatment === 'mask' ? 'partial' : null,
    origins: new Set(origins),
  }));
}

export function rowsOf(...all: readonly Column[]): ResultPlan {
  return { columns: columns(...all), copyOut: null };
}

export const NO_ROWS: ResultPlan = { columns: null, copyOut: null };

export function copyOf(format: 'text' | 'csv' | 'binary', ...all: readonly Column[]): ResultPlan {
  const copyOut = { format, delimiter: '\t', null: '\\N', quote: '"', escape: '"', header: false };
  return { columns: columns(...all), copyOut };
}

export function maskingOf(results: readonly ResultPlan[], more: Partial<Masking> = {}): Masking {
  return { results, detect: [], hushed: false, ...more };
}

export interface Seen {
  readonly described: (readonly DescribedColumn[])[];
}

/** Rows without NULL only. */
function cells(bytes: Uint8Array, start: number, end: number): Uint8Array[] {
  const body = new ByteReader(bytes, start, end);
  const found: Uint8Array[] = [];
  for (let left = body.u16(); left > 0; left--) found.push(body.bytes(body.i32()));
  body.end();
  return found;
}

export function stubMaskers(seen?: Seen): ResultMaskers {
  return {
    rows: (plan, described) => {
      seen?.described.push(described);
      const rewrite = (bytes: Uint8Array, start: number, end: number): Uint8Array => {
        const values = cells(bytes, start, end).map((value, at) =>
          plan[at]?.treatment === 'pass' ? Buffer.from(value).toString('latin1') : 'X',
        );
        if (values.length !== plan.length) throw new ProtocolViolation('another count of cells');
        return dataRow(...values);
      };
      return {
        idle: plan.every((column) => column.treatment === 'pass'),
        mask: (row) => rewrite(row, 0, row.length).subarray(5),
        rewrite: (bytes, start, end, sink: ByteSink) => {
          sink.append(rewrite(bytes, start, end).subarray(5));
          return true;
        },
        append: (bytes, start, end, sink) => {
          sink.append(rewrite(bytes, start, end));
          return true;
        },
      };
    },
    copy: (plan) => {
      let held = '';
      const push = (bytes: Uint8Array): Uint8Array => {
        const lines = (held + Buffer.from(bytes).toString('latin1')).split('\n');
        held = lines.pop() ?? '';
        const masked = lines.map((line) =>
          line
            .split('\t')
            .map((cell, at) => (plan[at]?.treatment === 'pass' ? cell : 'X'))
            .join('\t'),
        );
        return text(masked.map((line) => `${line}\n`).join(''));
      };
      return {
        push,
        append: (bytes, start, end, sink) => sink.append(push(bytes.subarray(start, end))),
        end: () => {
          if (held !== '') throw new ProtocolViolation('half a line');
          return text('');
        },
      };
    },
  };
}

/** A RowDescription: name, table, attribute, type, format. */
export function describedAs(
  ...all: readonly (readonly [string, number, number, number?, number?])[]
): Uint8Array {
  const fields = all.flatMap(([name, table, attribute, type = 25, format = 0]) => [
    cstr(name),
    i32(table),
    i16(attribute),
    i32(type),
    i16(-1),
    i32(-1),
    i16(format),
  ]);
  return frame('T', i16(all.length), ...fields);
}

export const copyOutOf = (format: 0 | 1, count: number): Uint8Array =>
  frame(
    'H',
    new Uint8Array([format]),
    i16(count),
    ...Array.from({ length: count }, () => i16(format)),
  );
