// What an approver should stop at, in order of gravity: read off the facts and the surroundings, so that nobody has to find
// it in the statement. An empty list promises nothing.
import { unreachable } from '../failure.ts';
import { requestCautions } from './http-cautions.ts';
import { messageCautions } from './mcp-message.ts';
import { rowBound } from './envelope.ts';
import { duration } from './message.ts';
import type { ApprovalRequest, SqlContent } from './request.ts';
import type { SqlFacts } from '../facts.ts';

/** One sentence each, in plain text. */
export function cautions(request: ApprovalRequest): readonly string[] {
  const { content, facts } = request;
  switch (content.kind) {
    case 'sql':
      return sqlCautions(request, content, facts);
    case 'connect':
      return content.seconds === null
        ? []
        : [
            `Opens access for ${duration(content.seconds)}: until then, nobody is asked again before a connection.`,
          ];
    case 'http':
      return requestCautions(content);
    case 'mcp':
      return messageCautions(content);
    default:
      return unreachable(content);
  }
}

function sqlCautions(
  request: ApprovalRequest,
  content: SqlContent,
  facts: SqlFacts | null,
): readonly string[] {
  if (facts === null) return ['Nothing is known about what this statement does.'];
  const found: string[] = [];
  const writes = facts.writes.length > 0 || facts.effect === 'write';
  if (facts.effect === 'opaque' || facts.opaque.length > 0) {
    const why = facts.opaque.length === 0 ? '' : ` (${facts.opaque.join(', ')})`;
    found.push(`What it does cannot be wholly known${why}.`);
  }
  if (facts.effect === 'admin') found.push('It changes how the server or the session works.');
  if (facts.effect === 'schema') found.push('It changes the schema.');
  if (facts.whereless) found.push('It has no WHERE: it reaches every row.');
  const bound = rowBound(request.demands);
  const { estimatedRows } = request;
  if (writes && bound === null) found.push('No rule bounds how many rows it may change.');
  if (bound !== null && estimatedRows !== null && estimatedRows > bound) {
    found.push(
      `The planner expects more rows than the ${bound.toLocaleString('en-US')} that are allowed: it would be rolled back.`,
    );
  }
  if (facts.statements.length > 1) found.push(`It holds ${facts.statements.length} statements.`);
  if (content.stands.length > 0) {
    found.push('It runs a statement that was prepared before; that one is shown below it.');
  }
  if (content.transaction === 'active') {
    found.push('It runs inside an open transaction, after statements that are not shown here.');
  }
  if (facts.tables.some((name) => name.startsWith('pg_temp'))) {
    found.push('It uses a temporary table: what is in it, only the caller knows.');
  }
  if (facts.functions.includes('pg_catalog.current_setting')) {
    found.push('It reads settings, which the caller may have set; they are listed below.');
  }
  return found;
}
