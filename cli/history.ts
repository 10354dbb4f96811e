// The actions that the audit index has, for asking what a policy would have done with them.
import { z } from 'zod';
import type { RecordedAction } from '../core/policy/replay.ts';
import {
  GRAPHQL_OPERATIONS,
  SQL_EFFECTS,
  type HttpFacts,
  type Json,
  type McpFacts,
  type Parameters,
  type SqlFacts,
} from '../core/facts.ts';
import { WranglerFailure, type Database } from './wrangler-d1.ts';

const names = z.array(z.string());
const statementFacts = z.object({
  verb: z.string(),
  effect: z.enum(SQL_EFFECTS),
  reads: names,
  writes: names,
  columns: names,
  functions: names,
  settings: names,
  whereless: z.boolean(),
  limit: z.number().nullable(),
});
const sqlFacts: z.ZodType<SqlFacts> = statementFacts
  .omit({ verb: true, limit: true })
  .extend({ statements: z.array(statementFacts), verbs: names, tables: names, opaque: names });

/** Checked, and taken as they are: a copy would lose a parameter that is called `__proto__`. */
const parameterRecord = z.record(z.string(), names);
const parameters = z.custom<Parameters>((value) => parameterRecord.safeParse(value).success);
const httpFacts: z.ZodType<HttpFacts> = z.object({
  method: z.string(),
  host: z.string(),
  path: z.string(),
  query: parameters,
  headers: names,
  contentType: z.string(),
  json: z.custom<Json>(),
  form: parameters,
  fields: names,
  graphql: z
    .object({
      operation: z.enum(GRAPHQL_OPERATIONS),
      name: z.string(),
      fields: names,
      roots: names,
    })
    .nullable(),
  webSocket: z.boolean(),
  opaque: names,
});

const mcpFacts: z.ZodType<McpFacts> = z.object({
  method: z.string(),
  tool: z.string(),
  arguments: z.custom<Json>(),
  resource: z.string(),
  prompt: z.string(),
  opaque: names,
});

/** A column that holds JSON. */
const json = (schema: z.ZodType) =>
  z.string().transform((text, context): unknown => {
    const parsed = schema.safeParse(parse(text));
    if (parsed.success) return parsed.data;
    context.addIssue('not what the index holds');
    return z.NEVER;
  });

const row = z.object({
  target: z.string(),
  principal_id: z.string(),
  principal_kind: z.enum(['workload', 'human']),
  groups: json(names),
  client_name: z.string(),
  country: z.string(),
  at: z.number(),
  via: z.string(),
  facts: z.string(),
  statement: z.string(),
});

/** `via` tells which facts a row has. Null where it has others: it is another version's. */
function actionOf({ via, facts }: z.infer<typeof row>): RecordedAction['action'] | null {
  if (via === 'http') {
    const http = httpFacts.safeParse(parse(facts));
    return http.success ? { kind: 'http', http: http.data } : null;
  }
  if (via === 'mcp') {
    const mcp = mcpFacts.safeParse(parse(facts));
    return mcp.success ? { kind: 'mcp', mcp: mcp.data } : null;
  }
  const sql = sqlFacts.safeParse(parse(facts));
  return sql.success ? { kind: 'sql', sql: sql.data } : null;
}

/** Refusals that are not the policy's stay what they are under any policy. */
const JUDGED = `(code IS NULL OR code IN ('rule', 'no_rule', 'approval_unavailable', 'approval_denied', 'approval_expired'))`;

/** The newest `limit` actions whose facts are in the index; empty when there is no index yet. */
export async function recordedActions(
  database: Database,
  limit: number,
): Promise<readonly RecordedAction[]> {
  let rows: readonly Record<string, unknown>[];
  try {
    rows = await database.query(
      `SELECT s.target, s.principal_id, s.principal_kind, s.groups, s.client_name, s.country,
              a.at, a.via, a.facts, substr(a.statement, 1, 200) AS statement
         FROM actions a JOIN sessions s ON s.id = a.session_id
        WHERE a.facts IS NOT NULL AND ${JUDGED}
        ORDER BY s.started_at DESC, a.at DESC LIMIT ${Math.trunc(limit)}`.replaceAll(/\s+/g, ' '),
    );
  } catch (error) {
    if (error instanceof WranglerFailure && /no such table/i.test(error.message)) return [];
    throw error;
  }
  return rows.flatMap((entry): RecordedAction[] => {
    const parsed = row.safeParse(entry);
    // A row of another version of the index says nothing reliable; it is left out of the count as well.
    if (!parsed.success) return [];
    const { data } = parsed;
    const action = actionOf(data);
    if (action === null) return [];
    return [
      {
        target: data.target,
        principalId: data.principal_id,
        principalKind: data.principal_kind,
        groups: data.groups as string[],
        client: data.client_name,
        country: data.country,
        at: data.at,
        action,
        statement: data.statement,
      },
    ];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
