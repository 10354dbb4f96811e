// Durations as people write them in the policy file: a whole number and a unit. No months and no sums, so that what is
// written has one meaning.

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

export const DURATION_PATTERN = /^([1-9]\d{0,8})(s|m|h|d)$/;

/** `15m`, `1h`, `400d` in seconds; null for anything else. Zero is not a duration. */
export function durationSeconds(text: string): number | null {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) return null;
  const unit = match[2] as keyof typeof UNIT_SECONDS;
  return Number(match[1]) * UNIT_SECONDS[unit];
}
