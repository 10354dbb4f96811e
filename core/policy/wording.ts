// What a denied caller reads: what was refused, by which rule, and what would be allowed instead. Names rules, targets and
// objects the caller named; never a claim, a value or an internal error.
import type { Action, HttpFacts, McpFacts } from '../facts.ts';
import { unreachable } from '../failure.ts';
import type { Rule } from './rule.ts';

const MAX_NAMES = 5;
const MAX_RULES = 8;
const MAX_CONDITION_CHARS = 120;

/** "DELETE on public.orders (write)": the action in a few words. */
export function describeAction(action: Action, target: string): string {
  switch (action.kind) {
    case 'connect':
      return `connecting to ${target}`;
    case 'sql': {
      const { verbs, tables, effect, whereless } = action.sql;
      const verb = verbs.length === 0 ? 'the statement' : listed(verbs);
      const objects = tables.length === 0 ? '' : ` on ${listed(tables)}`;
      return `${verb}${objects} (${effect}${whereless ? ', without WHERE' : ''}) at ${target}`;
    }
    case 'http':
      return `${describeRequest(action.http)} at ${target}${requestNotes(action.http)}`;
    case 'mcp': {
      const { opaque } = action.mcp;
      const doubts = opaque.length === 0 ? '' : `, not fully known: ${listed(opaque)}`;
      return `${describeMessage(action.mcp)} at ${target}${doubts}`;
    }
    default:
      return unreachable(action);
  }
}

/** "the tool refund (tools/call)", "resources/read of file:///etc". */
export function describeMessage({ method, tool, resource, prompt }: McpFacts): string {
  if (tool !== '') return `the tool ${clipped(tool)} (${method})`;
  if (prompt !== '') return `the prompt ${clipped(prompt)} (${method})`;
  return resource === '' ? method : `${method} of ${clipped(resource)}`;
}

/** "POST /v1/refunds", or "GraphQL mutation refund". */
function describeRequest({ method, path, graphql, webSocket }: HttpFacts): string {
  if (webSocket) return `a WebSocket on ${clipped(path)}`;
  if (graphql === null) return `${method} ${clipped(path)}`;
  const roots = graphql.roots.length === 0 ? '' : ` ${listed(graphql.roots.map(clipped))}`;
  return `GraphQL ${graphql.operation}${roots} (${method} ${clipped(path)})`;
}

/** What a rule may have been about besides: the type of the body, and why its facts are not all there is. */
function requestNotes({ contentType, opaque }: HttpFacts): string {
  const type = contentType === '' ? '' : ` (${clipped(contentType)})`;
  return opaque.length === 0 ? type : `${type}, not fully readable: ${listed(opaque)}`;
}

export function deniedByRule(rule: Rule, action: Action, target: string): string {
  return rule.message ?? `Rule ${rule.id} refuses ${describeAction(action, target)}.`;
}

export function deniedByError(rule: Rule, action: Action, target: string): string {
  return `Rule ${rule.id} could not be evaluated, so ${describeAction(action, target)} is refused.`;
}

export function deniedByDefault(action: Action, target: string): string {
  return `No rule allows ${describeAction(action, target)}.`;
}

/** What the caller may do on this target, in the words of the policy file. */
export function whatIsAllowed(rules: readonly Rule[], target: string): string {
  const open = rules.filter(({ then, observe }) => then !== 'deny' && !observe);
  if (open.length === 0) return `No rule allows you anything on ${target}.`;
  const sentences = open.slice(0, MAX_RULES).map((rule) => {
    const verb = rule.then === 'approve' ? 'with approval' : 'allowed';
    return `${rule.id}: ${verb}${rule.when === null ? '' : ` when ${clipped(rule.when.source)}`}`;
  });
  return `You may, on ${target} — ${sentences.join('; ')}.`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}

function clipped(source: string): string {
  const line = source.replaceAll(/\s+/g, ' ').trim();
  return line.length > MAX_CONDITION_CHARS ? `${line.slice(0, MAX_CONDITION_CHARS)}…` : line;
}
