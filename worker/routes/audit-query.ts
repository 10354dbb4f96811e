// What /v1/sessions takes in its query string. Unknown parameters are refused: a misspelt filter must not look like a
// filter that found everything.
import { z } from 'zod';
import type { Cursor } from '../../adapters/audit-index.ts';
import { HttpFailure } from '../render-failure.ts';

const name = z.string().min(1).max(512);

/** An instant: milliseconds since the epoch, or ISO 8601 with a zone. */
const instant = z.string().transform((text, context) => {
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  const zoned =
    /^\d+$/.test(text) || /(Z|[+-]\d\d:\d\d)$/.test(text) || /^\d{4}-\d\d-\d\d$/.test(text);
  if (zoned && Number.isSafeInteger(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'must be ISO 8601 with a zone, or milliseconds' });
  return z.NEVER;
});

const cursor = z
  .string()
  .max(512)
  .transform((text, context): Cursor => {
    const decoded = decodeCursor(text);
    if (decoded !== null) return decoded;
    context.addIssue({ code: 'custom', message: 'is not one that this gateway gave' });
    return z.NEVER;
  });

function limit(most: number, usual: number): z.ZodType<number> {
  return z.coerce.number().int().min(1).max(most).default(usual);
}

export const sessionsQuery = z.strictObject({
  principal: name.optional(),
  target: name.optional(),
  decision: z.enum(['allow', 'deny', 'approve']).optional(),
  outcome: z.enum(['succeeded', 'failed', 'refused', 'cancelled', 'unknown']).optional(),
  rule: name.optional(),
  table: name.optional(),
  verb: z
    .string()
    .regex(/^[A-Za-z][A-Za-z -]{0,63}$/)
    .transform((text) => text.toUpperCase())
    .optional(),
  path: name.startsWith('/').optional(),
  since: instant.optional(),
  until: instant.optional(),
  open: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional(),
  limit: limit(200, 50),
  cursor: cursor.optional(),
});

const after = z.coerce.number().int().min(0).default(0);

export const actionsQuery = z.strictObject({ after, limit: limit(500, 100) });
export const eventsQuery = z.strictObject({ after, limit: limit(1000, 500) });

/** zod leaves absent parameters out, so none is ever undefined. */
type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** @throws HttpFailure request_invalid, naming the parameter and never its value */
export function parseQuery<T>(schema: z.ZodType<T>, query: Record<string, string>): Present<T> {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data as Present<T>;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join('.') ?? '';
  throw new HttpFailure(
    'request_invalid',
    where === ''
      ? `The query string has a parameter that this address does not know.`
      : `The query parameter \`${where}\` ${issue?.code === 'custom' ? issue.message : 'has a value that is not allowed'}.`,
  );
}

export function encodeCursor(row: { readonly startedAt: number; readonly id: string }): string {
  return `${row.startedAt}.${row.id}`;
}

function decodeCursor(text: string): Cursor | null {
  const match = /^(\d{1,15})\.([A-Za-z0-9_-]{1,128})$/.exec(text);
  return match === null ? null : { startedAt: Number(match[1]), id: match[2] ?? '' };
}
