// Who is told about approvals, and which people may answer from Slack. A Slack click brings no token: the file itself says
// who a Slack user is and which groups they approve for, so what it says is checked here as strictly as an issuer is.
import type { NotifyDocument, PolicyDocument } from './document.ts';
import type { DocumentProblem } from './problem.ts';
import { bindingProblem, transportProblem, unapprovable } from './surroundings.ts';

/** A human as the approval page knows them, for somebody who is only known by a Slack user ID. */
export interface SlackUser {
  /** `issuer:subject`; equal to the id of the same person's own login, so that they count once. */
  readonly principal: string;
  readonly issuer: string;
  readonly subject: string;
  readonly groups: readonly string[];
}

export interface PolicySlack {
  /** ID of the channel. */
  readonly channel: string;
  /** Names of Worker secrets. */
  readonly token: string;
  readonly signingSecret: string;
  /** Null: nobody can press buttons. */
  readonly team: string | null;
  /** By Slack user ID; ask `slackUser`. */
  readonly users: Readonly<Record<string, SlackUser>>;
}

export interface PolicyWebhook {
  /** `secret` names the Worker secret that holds the URL. */
  readonly address:
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'secret'; readonly name: string };
  /** Name of the Worker secret that signs. */
  readonly secret: string;
  readonly format: 'standard' | 'teams';
}

export interface PolicyNotify {
  readonly slack: PolicySlack | null;
  readonly webhooks: readonly PolicyWebhook[];
}

/** The person behind a Slack user; null for anybody the file does not name, and for other workspaces' users. */
export function slackUser(slack: PolicySlack, team: string, user: string): SlackUser | null {
  if (slack.team === null || slack.team !== team) return null;
  return Object.hasOwn(slack.users, user) ? (slack.users[user] ?? null) : null;
}

export function policyNotify(document: NotifyDocument | undefined): PolicyNotify {
  return {
    slack: document?.slack === undefined ? null : policySlack(document.slack),
    webhooks: (document?.webhooks ?? []).map(({ url, urlFrom, secret, format }): PolicyWebhook => ({
      // notifyProblems has made sure that there is exactly one.
      address: url === undefined ? { kind: 'secret', name: urlFrom ?? '' } : { kind: 'url', url },
      secret,
      format,
    })),
  };
}

function policySlack(slack: NonNullable<NotifyDocument['slack']>): PolicySlack {
  const users = Object.entries(slack.users).map(([user, { principal, groups }]) => [
    user,
    { principal, ...splitPrincipal(principal), groups },
  ]);
  return {
    channel: slack.channel,
    token: slack.token,
    signingSecret: slack.signingSecret,
    team: slack.team ?? null,
    users: Object.fromEntries(users),
  };
}

/** Ids are `${issuerId}:${subject}` (core/identity.ts), and an issuer's id has no colon. */
function splitPrincipal(id: string): { issuer: string; subject: string } {
  const colon = id.indexOf(':');
  return colon < 0
    ? { issuer: '', subject: id }
    : { issuer: id.slice(0, colon), subject: id.slice(colon + 1) };
}

export function notifyProblems(document: PolicyDocument, development: boolean): DocumentProblem[] {
  return [
    ...slackProblems(document),
    ...buttonProblems(document),
    ...webhookProblems(document, development),
  ];
}

function slackProblems(document: PolicyDocument): DocumentProblem[] {
  const slack = document.notify?.slack;
  if (slack === undefined) return [];
  const at = (...keys: string[]) => ['notify', 'slack', ...keys];
  const problems = [
    ...bindingProblem(slack.token, at('token')),
    ...bindingProblem(slack.signingSecret, at('signingSecret')),
  ];
  const users = Object.entries(slack.users);
  // User IDs are only unique within their workspace, and shared channels bring in people of others.
  if (users.length > 0 && slack.team === undefined) {
    problems.push({ path: at('users'), message: 'needs notify.slack.team, whose users these are' });
  }
  for (const [user, { principal, groups }] of users) {
    const { issuer: id, subject } = splitPrincipal(principal);
    const issuer = document.issuers.find((candidate) => candidate.id === id);
    if (issuer === undefined || subject === '') {
      const message = `is not issuer:subject with one of the issuers of this file`;
      problems.push({ path: at('users', user, 'principal'), message });
    } else if (issuer.kind !== 'human') {
      const message = `${id} is not of kind human, and only humans approve`;
      problems.push({ path: at('users', user, 'principal'), message });
    }
    groups.forEach((group, index) => {
      const why = unapprovable(document, group);
      if (why !== null) {
        problems.push({ path: [...at('users', user, 'groups'), index], message: why });
      }
    });
  }
  return problems;
}

/** A rule that opts in to buttons which nobody could press is a mistake worth knowing. */
function buttonProblems(document: PolicyDocument): DocumentProblem[] {
  const users = Object.keys(document.notify?.slack?.users ?? {});
  if (users.length > 0) return [];
  return document.rules.flatMap(({ approval }, index) =>
    approval?.slackButtons === true
      ? [
          {
            path: ['rules', index, 'approval', 'slackButtons'],
            message: 'needs notify.slack.users: nobody is named who could press them',
          },
        ]
      : [],
  );
}

function webhookProblems(document: PolicyDocument, development: boolean): DocumentProblem[] {
  const webhooks = document.notify?.webhooks ?? [];
  const address = (index: number): string => {
    const { url, urlFrom } = webhooks[index] ?? {};
    return JSON.stringify([url ?? null, urlFrom ?? null]);
  };
  return webhooks.flatMap(({ url, urlFrom, secret }, index) => {
    const at = (...keys: string[]) => ['notify', 'webhooks', index, ...keys];
    const problems = [
      ...bindingProblem(secret, at('secret')),
      ...(urlFrom === undefined ? [] : bindingProblem(urlFrom, at('urlFrom'))),
      ...(url === undefined ? [] : transportProblem(url, at('url'), development)),
    ];
    if ((url === undefined) === (urlFrom === undefined)) {
      problems.push({ path: at(), message: 'names either url or urlFrom' });
    }
    // What has been delivered is remembered by address: two of the same could not be told apart.
    if (webhooks.findIndex((_, other) => address(other) === address(index)) !== index) {
      problems.push({ path: at(), message: 'this address is already told' });
    }
    return problems;
  });
}
