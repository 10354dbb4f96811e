// What /v1/targets/{target}/query and /v1/calls/{id} answer, as schemas: the OpenAPI document shows them, and the tests hold
// the answers to them. worker/call-answer.ts writes them.
import { z } from 'zod';

const id = z.string().regex(/^[0-9a-f]{32}$/);

export const column = z.strictObject({
  name: z.string(),
  type: z.string().describe('"int4", "text[]"; "oid:16412" for a type of the database’s own.'),
});

export const callSucceeded = z.strictObject({
  call: id,
  state: z.literal('succeeded'),
  session: id.describe('The session that ran it, as /v1/sessions lists it.'),
  command: z.string().describe('"SELECT", "INSERT" …; empty where rows were left out of a SELECT.'),
  rowCount: z.int().nullable().describe('Rows returned or changed, as the target counts them.'),
  truncated: z
    .boolean()
    .describe('The answer leaves something out; there is no cursor: ask a narrower question.'),
  truncatedBy: z.enum(['rows', 'bytes', 'copy']).nullable(),
  columns: z.array(column),
  rows: z
    .array(z.array(z.unknown()))
    .describe('One array for each row, in the order of `columns`.'),
});

export const callWaiting = z.strictObject({
  call: id,
  state: z.enum(['pending', 'approved', 'executing']),
  approval: z
    .strictObject({ id: z.string(), url: z.url() })
    .nullable()
    .describe('What people have to decide, and the page where they do.'),
  poll: z.string().describe('GET it, with ?wait=50 to be told as soon as it is over.'),
  retryAfter: z.int().describe('Seconds to leave between two polls that do not wait.'),
});

/** RFC 9457, with this gateway's extension members. */
export const problemDocument = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string(),
  code: z.string().describe('Stable; docs/failures.md lists them.'),
  hint: z.string().optional(),
  rule: z.string().optional().describe('The rule of the policy that refused.'),
  sqlstate: z
    .string()
    .optional()
    .describe('Of the target, or what a Postgres client would have been told.'),
  targetDetail: z.string().optional(),
  position: z.int().optional().describe('Characters from 1 into `sql`.'),
  constraint: z.string().optional(),
  call: id.optional(),
  session: z.string().optional(),
  state: z.enum(['failed', 'unknown']).optional(),
});
