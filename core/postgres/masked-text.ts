// Text cells: the texts of types as Postgres writes them ↔ those that maskers speak.
import type { PgType } from './masked-types.ts';

/** The text of a value as maskers speak it → as Postgres writes it. */
export function toPgText({ value }: PgType, text: string): string {
  if (value.kind === 'boolean') return text === 'true' ? 't' : 'f';
  return value.kind === 'bytes' ? `\\x${text}` : text;
}

/** The other way round; null where the text is none of the type. */
export function fromPgText({ value }: PgType, text: string): string | null {
  if (value.kind === 'boolean') return text === 't' ? 'true' : 'false';
  if (value.kind === 'bytes') return text.startsWith('\\x') ? text.slice(2) : null;
  return text;
}
