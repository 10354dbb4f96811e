// A portal: a statement with bind values, ready to run; or a cursor, which is the same under another name.
import { decodeUtf8, toHex } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import type { Bind } from './client-messages.ts';
import type { Weighed } from './named.ts';
import type { Statement } from './statement.ts';

export interface Portal extends Weighed {
  readonly statement: Statement;
  /** The search path in force when it was planned; it keeps that one. */
  readonly path: readonly string[];
  /** Bind values as the journal keeps them; null when there are none. */
  readonly binds: readonly (string | null)[] | null;
  /** One for each bind value: 0 text, 1 binary; null when there are none. */
  readonly bindFormats: readonly number[] | null;
  /** May outlive its transaction. */
  readonly held: boolean;
  /** What its text meant when it was planned (judging.ts); undefined where no mask concerned the caller then. */
  readonly meaning?: string | null | undefined;
  /** It was executed: a FETCH or EXECUTE in it has its rows, whatever the name stands for now. */
  ran?: boolean;
}

/** A longer value, or one behind so many bytes of others, is kept as digest and length. */
const MAX_RECORDED_VALUE_BYTES = 64 * 1024;
const MAX_RECORDED_BYTES = 256 * 1024;
/** A digest is not shorter than this; smaller values are kept whatever came before. */
const ALWAYS_RECORDED_BYTES = 96;

export function boundPortal(
  statement: Statement,
  path: readonly string[],
  bind: Bind,
  crypto: Crypto,
  meaning?: string | null,
): Portal {
  const binds = bind.values.length === 0 ? null : recordedBinds(bind, crypto);
  let weight = 128 + 2 * (meaning?.length ?? 0);
  for (const value of binds ?? []) weight += 16 + 2 * (value?.length ?? 0);
  const bindFormats = binds === null ? null : bind.values.map((_, at) => formatOf(bind, at));
  return { statement, path, binds, bindFormats, held: false, meaning, weight };
}

/** Text values as they are, binary ones as \x and hex, NULL as null; very long ones as \sha256:<hex>:<bytes>. */
export function recordedBinds(bind: Bind, crypto: Crypto): (string | null)[] {
  let recorded = 0;
  return bind.values.map((value, at) => {
    if (value === null) return null;
    const large = value.length > MAX_RECORDED_VALUE_BYTES || recorded > MAX_RECORDED_BYTES;
    if (large && value.length > ALWAYS_RECORDED_BYTES) {
      return `\\sha256:${toHex(crypto.sha256(value))}:${value.length}`;
    }
    recorded += value.length;
    const text = formatOf(bind, at) === 1 ? null : decodeUtf8(value);
    return text ?? `\\x${toHex(value)}`;
  });
}

/** One format stands for all values, none for text. @see protocol-message-formats, Bind */
function formatOf({ formats }: Bind, at: number): number {
  return (formats.length === 1 ? formats[0] : formats[at]) ?? 0;
}
