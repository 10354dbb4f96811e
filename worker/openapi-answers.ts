// The answers of the routes around calls, as the OpenAPI document shows them. What a program needs is spelled out; the rest
// of an approval's view may grow.
import { z } from 'zod';

const instant = z.iso.datetime();
const approvalState = z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled', 'consumed']);

export const targetList = z.strictObject({
  targets: z.array(
    z.strictObject({
      id: z.string(),
      kind: z.string(),
      database: z.string(),
      labels: z.record(z.string(), z.string()),
      access: z.string(),
      connect: z.enum(['allow', 'approve']),
    }),
  ),
});

const approvalLine = z.looseObject({
  id: z.string(),
  url: z.url(),
  state: approvalState,
  summary: z.string(),
  requestedAt: instant,
  expiresAt: instant,
  decidedAt: instant.nullable(),
  decidedBy: z.array(z.string()),
  reason: z.string().nullable(),
});

export const approval = z.strictObject({
  approval: approvalLine.extend({ digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  mayDecide: z.boolean(),
  hindrance: z.string().nullable().describe('The code of what keeps you from deciding.'),
});

export const standing = z.strictObject({
  standing: z.looseObject({ id: z.string(), state: approvalState, decidedBy: z.array(z.string()) }),
});

export const grant = z.strictObject({
  grant: z.looseObject({
    id: z.string(),
    state: z.string(),
    target: z.string(),
    endsAt: instant.nullable(),
  }),
});

export const approvalList = z.strictObject({
  approvals: z.array(approvalLine),
  next: z.string().nullable(),
});
