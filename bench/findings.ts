// What a measurement found, in a shape that can be printed, compared with its budget and written down.

export interface Finding {
  readonly what: string;
  /** Null: not measured, and `note` says why. */
  readonly value: number | null;
  readonly unit: string;
  readonly budget?: Budget;
  readonly note?: string;
}

export type Budget = { readonly atMost: number } | { readonly atLeast: number };

export interface Detail {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One group of measurements: `--only` names it. */
export interface Group {
  readonly name: string;
  readonly title: string;
  readonly findings: readonly Finding[];
  readonly details?: readonly Detail[];
  /** Everything that was measured, for the JSON. */
  readonly raw?: unknown;
}

export type Verdict = 'pass' | 'miss' | '';

export function verdict({ value, budget }: Finding): Verdict {
  if (budget === undefined || value === null) return '';
  const within = 'atMost' in budget ? value <= budget.atMost : value >= budget.atLeast;
  return within ? 'pass' : 'miss';
}

/** Three digits that mean something, without an exponent. */
export function shown(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
