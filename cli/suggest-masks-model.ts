// What a Presidio analyzer finds in sampled values: names of people and of places, which no detector knows. The values go from
// this machine to the analyzer that the operator named, and nowhere else; what comes back are counts.
import { isLoopback, webAddress } from '../core/policy/web-address.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';
import type { SampledColumn } from './suggest-masks-proposal.ts';

/** Of the entities that the policy knows (core/masking/detect/model.ts), those that a sample says something about. */
export const SOUGHT = { PERSON: 'person', LOCATION: 'address' } as const;
export type Sought = (typeof SOUGHT)[keyof typeof SOUGHT];

/** How many values of a column hold one, and how many are hardly anything else. */
export type NamesFound = ReadonlyMap<Sought, { readonly values: number; readonly whole: number }>;

const BATCH = 64;
const TIMEOUT_MS = 30_000;
/** Share of a value that a finding covers where it is the value (suggest-masks-proposal.ts has the same for detectors). */
const WHOLE = 0.8;
const TOKEN = 'POSTERN_ANALYZER_TOKEN';

/** @throws CliError when it is no address that values may be sent to. */
export function analyzerAddress(text: string): string {
  const address = webAddress(text);
  if (address === null || (!address.secure && !isLoopback(address.host))) {
    const message = '--model is an https URL without user or query, or http on this machine.';
    throw new CliError(EXIT.usage, message);
  }
  return text.replace(/\/+$/, '');
}

/** @throws CliError when the analyzer does not answer as it should. */
export async function namesIn(
  columns: readonly SampledColumn[],
  address: string,
): Promise<ReadonlyMap<SampledColumn, NamesFound>> {
  const found = new Map<SampledColumn, NamesFound>();
  for (const column of columns) {
    const values = column.values.filter((value) => /\p{L}/u.test(value));
    const counts = new Map<Sought, { values: number; whole: number }>();
    for (let at = 0; at < values.length; at += BATCH) {
      const batch = values.slice(at, at + BATCH);
      const lists = await analyzed(address, batch);
      for (const [index, list] of lists.entries()) count(batch[index] ?? '', list, counts);
    }
    if (counts.size > 0) found.set(column, counts);
  }
  return found;
}

interface Finding {
  readonly entity: Sought;
  /** Of Python's characters: code points. */
  readonly length: number;
}

function count(
  value: string,
  list: readonly Finding[],
  counts: Map<Sought, { values: number; whole: number }>,
): void {
  const length = Array.from(value.trim()).length;
  for (const sought of Object.values(SOUGHT)) {
    const of = list.filter(({ entity }) => entity === sought);
    if (of.length === 0) continue;
    const known = counts.get(sought) ?? { values: 0, whole: 0 };
    const whole = of.some((finding) => finding.length >= length * WHOLE);
    counts.set(sought, { values: known.values + 1, whole: known.whole + (whole ? 1 : 0) });
  }
}

async function analyzed(address: string, texts: readonly string[]): Promise<Finding[][]> {
  const token = process.env[TOKEN] ?? '';
  let answer: unknown;
  try {
    const response = await fetch(`${address}/analyze`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token !== '' && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({
        text: texts.map((text) => text.toWellFormed()),
        language: 'en',
        entities: Object.keys(SOUGHT),
      }),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    answer = await response.json();
  } catch (error) {
    // A parser's words could quote what it read.
    const why = error instanceof SyntaxError ? 'it did not answer with JSON' : reasonOf(error);
    throw new CliError(EXIT.failed, `The analyzer cannot be asked: ${why}.`);
  }
  if (!Array.isArray(answer) || answer.length !== texts.length) throw notUnderstood();
  return answer.map((list: unknown) => {
    if (!Array.isArray(list)) throw notUnderstood();
    return list.flatMap((finding: unknown) => findingOf(finding) ?? []);
  });
}

function findingOf(finding: unknown): Finding | null {
  if (typeof finding !== 'object' || finding === null) throw notUnderstood();
  const { entity_type: name, start, end } = finding as Record<string, unknown>;
  if (typeof start !== 'number' || typeof end !== 'number') throw notUnderstood();
  return name === 'PERSON' || name === 'LOCATION'
    ? { entity: SOUGHT[name], length: end - start }
    : null;
}

function notUnderstood(): CliError {
  return new CliError(EXIT.failed, 'The analyzer does not answer as Presidio does.');
}
