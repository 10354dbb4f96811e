// How many rows a statement would touch, as the target's planner sees it: what an approver wants to know and nobody can
// promise. EXPLAIN without ANALYZE, in a read-only transaction of the gateway's own, under the search path of the session.
import type { TargetLogin } from '../core/engine.ts';
import type { SqlContent } from '../core/approval/request.ts';
import type { SqlFacts } from '../core/facts.ts';
import type { Connection } from './connection.ts';
import { withTarget } from './target-client.ts';

const PLANNED_VERBS = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** A plan of EXPLAIN (FORMAT JSON), as far as it is read. @see using-explain */
interface Plan {
  readonly 'Node Type'?: unknown;
  readonly 'Plan Rows'?: unknown;
  readonly Plans?: readonly Plan[];
}

/** Null when there is no estimate: not one plain statement, or the target did not plan it. Never rejects. */
export async function estimateRows(
  connect: () => Promise<Connection>,
  login: TargetLogin,
  content: SqlContent,
  facts: SqlFacts,
): Promise<number | null> {
  const [statement, ...more] = facts.statements;
  // Planning may run functions that call themselves immutable; nothing opaque is planned.
  if (statement === undefined || more.length > 0 || facts.opaque.length > 0) return null;
  if (!PLANNED_VERBS.has(statement.verb)) return null;
  // From Postgres 16 on a statement is planned with its parameters open; older servers say it cannot be, which is no estimate.
  const options = content.binds === null ? 'FORMAT JSON' : 'FORMAT JSON, GENERIC_PLAN';
  try {
    return await withTarget(connect, login, 'postern-estimate', (sql) =>
      sql.begin('READ ONLY', async (transaction) => {
        await transaction`SELECT set_config('statement_timeout', '3000', true), set_config('search_path', ${content.searchPath.map(quoted).join(', ')}, true)`;
        const [row] = await transaction
          .unsafe<{ 'QUERY PLAN': readonly { readonly Plan?: Plan }[] }[]>(
            `EXPLAIN (${options}) ${content.text}`,
          )
          .simple();
        return plannedRows(row?.['QUERY PLAN']);
      }),
    );
  } catch {
    // No estimate is an answer too: the page says that there is none.
    return null;
  }
}

function plannedRows(explained: unknown): number | null {
  const plans = typeof explained === 'string' ? (JSON.parse(explained) as unknown) : explained;
  const root = Array.isArray(plans)
    ? (plans[0] as { readonly Plan?: Plan } | undefined)?.Plan
    : null;
  if (root === null || root === undefined) return null;
  // The node that modifies returns nothing by itself: what it is fed is what it touches.
  const node = root['Node Type'] === 'ModifyTable' ? (root.Plans?.[0] ?? root) : root;
  const rows = node['Plan Rows'];
  return typeof rows === 'number' && Number.isFinite(rows) ? rows : null;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
