// What a webhook carries: the event as data, or as a Teams card that holds a link and never a button. Field names are part
// of the product (docs/notifications.md): they are added to, never changed. Claims and bind values stay on the page.
import type { ApprovalEvent } from '../core/approval/event.ts';
import { cautions } from '../core/approval/cautions.ts';
import { demandLines, standing, subject, summary, visibleLine } from '../core/approval/message.ts';
import { requestTarget, shownBody, type ShownBody } from '../core/approval/http-message.ts';
import type { ApprovalRequest, HttpContent } from '../core/approval/request.ts';
import { unreachable } from '../core/failure.ts';

/** Longer statements are read on the page; the specification wants bodies under 20 KB. */
const MAX_STATEMENT_CHARS = 8_000;

/** Body of `format: standard`; `type`, `timestamp` and `data` as the specification's "Payload structure" has them. */
export function standardBody(event: ApprovalEvent): Record<string, unknown> {
  const { approval } = event;
  const { request } = approval;
  return {
    type: `approval.${event.kind}`,
    timestamp: iso(event.atMs),
    data: {
      summary: summary(request),
      approval: {
        id: approval.id,
        url: approval.url,
        state: approval.state,
        version: event.version,
        digest: request.digest,
        requestedAt: iso(approval.requestedAtMs),
        expiresAt: iso(approval.expiresAtMs),
        decidedBy: approval.decidedBy,
        reason: approval.reason,
      },
      principal: {
        id: request.principal.id,
        issuer: request.principal.issuer,
        kind: request.principal.kind,
        groups: request.principal.groups,
      },
      target: request.target,
      action: action(request),
      cautions: cautions(request),
      rules: request.demands.map(({ rule, message, by, quorum, maxRows, grantSeconds }) => ({
        id: rule,
        message,
        by,
        quorum,
        maxRows,
        grantSeconds,
      })),
      votes: approval.votes.map(({ by, vote, reason, atMs }) => ({
        by,
        vote,
        reason,
        at: iso(atMs),
      })),
      session: request.session,
      policyRevision: request.revision,
    },
  };
}

function action({ content, facts, estimatedRows }: ApprovalRequest): Record<string, unknown> {
  switch (content.kind) {
    case 'connect':
      return { kind: 'connect', protocol: content.protocol, seconds: content.seconds };
    case 'sql':
      return {
        kind: 'sql',
        // Null is "read it on the page", never a part of it.
        statement: content.text.length <= MAX_STATEMENT_CHARS ? content.text : null,
        statementLength: content.text.length,
        parameters: content.binds?.length ?? 0,
        verbs: facts?.verbs ?? [],
        effect: facts?.effect ?? 'opaque',
        reads: facts?.reads ?? [],
        writes: facts?.writes ?? [],
        whereless: facts?.whereless ?? false,
        estimatedRows,
      };
    case 'http':
      return httpAction(content);
    case 'mcp': {
      const { method, params, definition, facts: known } = content;
      const { tool, prompt, resource, opaque } = known;
      return {
        kind: 'mcp',
        method,
        tool,
        prompt,
        resource,
        // Null is "read them on the page", never a part of them.
        params: params.length <= MAX_STATEMENT_CHARS ? params : null,
        paramsLength: params.length,
        definition,
        opaque,
      };
    }
    default:
      return unreachable(content);
  }
}

function httpAction(content: HttpContent): Record<string, unknown> {
  const { method, path, query, webSocket, facts } = content;
  const { host, contentType, graphql, opaque } = facts;
  const body = shownBody(content, content.facts.contentType);
  return {
    kind: 'http',
    method,
    host,
    path,
    // Null is "read it on the page", never a part of it; `queryLength` tells that from a request without one.
    query: query !== null && requestTarget(content).length <= MAX_STATEMENT_CHARS ? query : null,
    queryLength: query?.length ?? 0,
    contentType,
    body: body.kind === 'text' && body.raw.length <= MAX_STATEMENT_CHARS ? body.raw : null,
    bodyBytes: bodyBytes(body),
    webSocket,
    graphql:
      graphql === null ? null : { operation: graphql.operation, fields: short(graphql.roots) },
    opaque,
  };
}

/** Null where it is not known. */
function bodyBytes(body: ShownBody): number | null {
  switch (body.kind) {
    case 'none':
      return 0;
    case 'missing':
      return null;
    case 'text':
    case 'binary':
      return body.bytes;
    default:
      return unreachable(body);
  }
}

/** Null where they are too many for a message: a few of them would look like all. */
function short(names: readonly string[]): readonly string[] | null {
  return names.join().length <= MAX_STATEMENT_CHARS ? names : null;
}

/**
 * Body of `format: teams`: what the Workflows template "Send webhook alerts to a channel" takes. Text from outside stands in
 * text runs, which know no Markdown: no link and no mention can come of it.
 */
export function teamsBody({ approval }: ApprovalEvent): Record<string, unknown> {
  const { request } = approval;
  const line = (text: string, more: Record<string, unknown> = {}) => ({
    type: 'RichTextBlock',
    inlines: [{ type: 'TextRun', text, ...more }],
  });
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      line(`Approval: ${standing(approval)}`, { weight: 'Bolder', size: 'Medium' }),
      line(`${visibleLine(request.principal.id)} asks for ${subject(request)}.`),
      ...cautions(request).map((caution) => line(visibleLine(caution), { color: 'Attention' })),
      ...demandLines(request).map((demand) => line(`Asked for by ${demand}`)),
      line(`Closes at ${iso(approval.expiresAtMs)}.`, { isSubtle: true }),
    ],
    actions: [{ type: 'Action.OpenUrl', title: 'Open the request', url: approval.url }],
  };
  return {
    type: 'message',
    attachments: [
      { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content },
    ],
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
