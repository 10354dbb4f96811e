// Compares what a client gets through the gateway with what the server itself answers.
import type { Everyday } from '../fixtures/masking/everyday.ts';
import type { Answer } from './masking-wire.ts';

/** Every way in which `through` is not what it should be; empty: none. */
export function differences(
  { masked }: Everyday,
  direct: readonly Answer[],
  through: readonly Answer[],
): string[] {
  return direct.flatMap((expected, at) => {
    const actual = through[at];
    if (actual === undefined) return [`answer ${at} is missing`];
    const found = [
      ...unequal(
        'error',
        expected.error?.code ?? null,
        actual.error?.code ?? null,
        actual.error?.message,
      ),
      ...unequal('tags', expected.tags, actual.tags),
      ...unequal('columns', expected.columns, actual.columns),
      ...unequal('rows', expected.rows.length, actual.rows.length),
    ];
    if (found.length > 0) return found.map((text) => `answer ${at}: ${text}`);
    return expected.rows.flatMap((row, line) =>
      row.flatMap((cell, column) => {
        const name = expected.columns[column] ?? '';
        const other = actual.rows[line]?.[column] ?? null;
        const place = `answer ${at}, row ${line}, ${name}`;
        if (!masked.includes(name)) return unequal(place, cell, other);
        // Every value of a two-valued type is the neutral one for some.
        const telling = cell !== null && cell.length > 1;
        return telling && cell === other ? [`${place}: not masked`] : [];
      }),
    );
  });
}

function unequal(what: string, expected: unknown, actual: unknown, more = ''): string[] {
  const [a, b] = [JSON.stringify(expected), JSON.stringify(actual)];
  return a === b ? [] : [`${what}: ${b} instead of ${a} ${more}`];
}
