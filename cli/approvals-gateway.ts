// What the gateway answers about approvals and windows of access: addresses and shapes. Nothing here prints.
import { z } from 'zod';
import { GRAPHQL_OPERATIONS, type Json, type Parameters } from '../core/facts.ts';
import { CliError, EXIT } from './failure.ts';
import { requestJson } from './gateway.ts';

const summarySchema = z.object({
  id: z.string(),
  url: z.string(),
  state: z.string(),
  kind: z.string(),
  principal: z.string(),
  target: z.string(),
  summary: z.string(),
  rules: z.array(z.string()),
  requestedAt: z.string(),
  expiresAt: z.string(),
});
export type ApprovalSummary = z.infer<typeof summarySchema>;

const contentSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('sql'),
    text: z.string(),
    binds: z.array(z.string().nullable()).nullable(),
    searchPath: z.array(z.string()),
    role: z.string(),
    database: z.string(),
    transaction: z.string(),
    settings: z.record(z.string(), z.string()),
    stands: z.array(z.object({ kind: z.string(), name: z.string(), text: z.string() })),
  }),
  z.object({
    kind: z.literal('http'),
    method: z.string(),
    path: z.string(),
    query: z.string().nullable(),
    headers: z.array(
      z.object({ name: z.string(), value: z.string().nullable(), length: z.number() }),
    ),
    bodyDigest: z.string().nullable(),
    webSocket: z.boolean(),
    body: z.union([z.object({ text: z.string() }), z.object({ base64: z.string() })]).nullable(),
  }),
  z.object({
    kind: z.literal('mcp'),
    method: z.string(),
    params: z.string(),
    definition: z.string().nullable(),
  }),
  z.object({ kind: z.literal('connect'), protocol: z.string(), seconds: z.number().nullable() }),
]);

/** As it is: a copy would lose a parameter that is called `__proto__`. */
const parameterRecord = z.record(z.string(), z.array(z.string()));
const parametersSchema = z.custom<Parameters>((value) => parameterRecord.safeParse(value).success);

const approvalSchema = z.object({
  id: z.string(),
  url: z.string(),
  state: z.string(),
  digest: z.string(),
  summary: z.string(),
  cautions: z.array(z.string()),
  principal: z.object({
    id: z.string(),
    kind: z.string(),
    groups: z.array(z.string()),
    claims: z.record(z.string(), z.unknown()),
  }),
  target: z.object({ id: z.string(), kind: z.string() }),
  content: contentSchema,
  /** Only what a request needs to be shown; of SQL everything stands in the content. */
  facts: z
    .object({
      host: z.string().optional(),
      contentType: z.string().optional(),
      query: parametersSchema.optional(),
      form: parametersSchema.optional(),
      json: z.custom<Json>().optional(),
      graphql: z
        .object({
          operation: z.enum(GRAPHQL_OPERATIONS),
          name: z.string(),
          fields: z.array(z.string()),
          roots: z.array(z.string()),
        })
        .nullable()
        .optional(),
    })
    .nullable()
    .default(null),
  estimatedRows: z.number().nullable(),
  claimed: z.string(),
  demands: z.array(
    z.object({
      rule: z.string(),
      message: z.string(),
      by: z.array(z.string()),
      quorum: z.number(),
      maxRows: z.number().nullable(),
    }),
  ),
  votes: z.array(
    z.object({ by: z.string(), vote: z.string(), reason: z.string(), at: z.string() }),
  ),
  revision: z.number(),
  requestedAt: z.string(),
  expiresAt: z.string(),
  decidedBy: z.array(z.string()),
  reason: z.string(),
});
export type Approval = z.infer<typeof approvalSchema>;
export type Content<Kind extends Approval['content']['kind']> = Extract<
  Approval['content'],
  { kind: Kind }
>;

const standingSchema = z.object({
  standing: z.object({ id: z.string(), state: z.string(), reason: z.string() }),
});

const grantSchema = z.object({
  grant: z.object({
    id: z.string(),
    state: z.string(),
    target: z.string(),
    url: z.string().optional(),
    askedOf: z.array(z.string()).default([]),
    endsAt: z.string().nullable(),
    expiresAt: z.string().optional(),
    decidedBy: z.array(z.string()).default([]),
    reason: z.string().default(''),
  }),
});
export type Grant = z.infer<typeof grantSchema>['grant'];

/** The gateway's largest page, and its longest wait in one call. */
const PAGE = 200;
const WAIT_SECONDS = 25;

export async function listApprovals(
  query: Readonly<Record<string, string>>,
  limit: number,
): Promise<ApprovalSummary[]> {
  const page = z.object({ approvals: z.array(summarySchema), next: z.string().nullable() });
  const found: ApprovalSummary[] = [];
  let cursor: string | null = null;
  do {
    const search: URLSearchParams = new URLSearchParams({
      ...query,
      limit: String(Math.min(PAGE, limit - found.length)),
      ...(cursor === null ? {} : { cursor }),
    });
    const { approvals, next } = understood(
      page,
      await requestJson(`/v1/approvals?${search.toString()}`),
    );
    found.push(...approvals);
    cursor = next;
  } while (cursor !== null && found.length < limit);
  return found;
}

export async function getApproval(
  id: string,
): Promise<{ approval: Approval; mayDecide: boolean; hindrance: string | null }> {
  const schema = z.object({
    approval: approvalSchema,
    mayDecide: z.boolean(),
    hindrance: z.string().nullable(),
  });
  return understood(schema, await requestJson(`/v1/approvals/${encodeURIComponent(id)}`));
}

/** `digest` is that of what the person was shown. Answers with the state after the vote. */
export async function decide(
  id: string,
  decision: 'approve' | 'deny',
  digest: string,
  reason: string,
): Promise<string> {
  const answer = await requestJson(`/v1/approvals/${encodeURIComponent(id)}/decision`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ decision, digest, reason }),
  });
  return understood(standingSchema, answer).standing.state;
}

export async function requestGrant(
  target: string,
  forSeconds: number,
  reason: string,
): Promise<Grant> {
  const answer = await requestJson('/v1/grants', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ target, forSeconds, reason }),
  });
  return understood(grantSchema, answer).grant;
}

/** Answers when the window is no longer pending, or after a while with the state as it is. */
export async function awaitGrant(id: string): Promise<Grant> {
  const answer = await requestJson(`/v1/grants/${encodeURIComponent(id)}?wait=${WAIT_SECONDS}`);
  return understood(grantSchema, answer).grant;
}

/** Gives a window back, or takes back the request for one. */
export async function returnGrant(id: string): Promise<Grant> {
  const answer = await requestJson(`/v1/grants/${encodeURIComponent(id)}`, { method: 'DELETE' });
  return understood(grantSchema, answer).grant;
}

function understood<T>(schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new CliError(
    EXIT.failed,
    'The gateway’s answer about approvals is not understood.',
    'Is this postern older than the gateway?',
  );
}
