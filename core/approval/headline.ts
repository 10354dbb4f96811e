// A request in a few words, for whoever has ten seconds: "DELETE on public.orders". Names are as the statement's own are,
// not made visible yet: every place that shows them does that (message.ts, worker/pages/shown-text.ts).
import { unreachable } from '../failure.ts';
import { requestHeadline } from './http-message.ts';
import { messageHeadline } from './mcp-message.ts';
import { duration } from './message.ts';
import type { ApprovalRequest } from './request.ts';

const MAX_NAMES = 4;

/** What happens, without where. */
export function headline({ content, facts, target }: ApprovalRequest): string {
  switch (content.kind) {
    case 'connect':
      return content.seconds === null
        ? `Connect to ${target.id}`
        : `Access to ${target.id} for ${duration(content.seconds)}`;
    case 'sql': {
      if (facts === null || facts.verbs.length === 0)
        return 'A statement of which nothing is known';
      const objects = facts.writes.length > 0 ? facts.writes : facts.tables;
      return `${facts.verbs.join(', ')}${objects.length === 0 ? '' : ` on ${listed(objects)}`}`;
    }
    case 'http':
      return requestHeadline(content);
    case 'mcp':
      return messageHeadline(content);
    default:
      return unreachable(content);
  }
}

/** What happens and where: one line of a list. */
export function listLine(request: ApprovalRequest): string {
  const what = headline(request);
  switch (request.content.kind) {
    case 'connect':
      return what;
    case 'sql':
      return `${what} in ${request.target.id}`;
    case 'http':
    case 'mcp':
      return `${what} at ${request.target.id}`;
    default:
      return unreachable(request.content);
  }
}

function listed(all: readonly string[]): string {
  const shown = all.slice(0, MAX_NAMES).join(', ');
  return all.length > MAX_NAMES ? `${shown} and ${all.length - MAX_NAMES} more` : shown;
}
