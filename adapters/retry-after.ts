// Retry-After (RFC 9110 section 10.2.3) as seconds: a number, or a date. What a peer asks for is bounded, so that a broken
// one cannot put a notification off for longer than anybody would wait for it.

const MAX_RETRY_AFTER_SECONDS = 3600;

/** Null when the header is missing or says nothing that can be understood. */
export function retryAfter(headers: Headers, nowMs = Date.now()): number | null {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,10}$/.test(value)) return bounded(Number(value));
  const date = /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? null : bounded(Math.ceil((date - nowMs) / 1000));
}

function bounded(seconds: number): number {
  return Math.min(Math.max(seconds, 1), MAX_RETRY_AFTER_SECONDS);
}
