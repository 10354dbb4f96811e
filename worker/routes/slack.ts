// POST /slack/interactions: a button under a Slack message. Slack's signature says that the click is real, the policy says
// who that Slack user is, and then it is a vote like any other: the Approval object decides whether it counts. Whoever
// clicked in vain is told so alone, and that the page is the way. Slack wants its answer within three seconds.
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { castBallot, viewApproval } from '../../adapters/approvals.ts';
import { secret } from '../../adapters/env.ts';
import { createSlack } from '../../adapters/slack.ts';
import { APPROVE_ACTION, DENY_ACTION, offersButtons } from '../../adapters/slack-message.ts';
import { verifiedSignature } from '../../adapters/slack-signature.ts';
import { parseApprovalId } from '../../core/approval/view.ts';
import { slackUser, type PolicySlack, type SlackUser } from '../../core/policy/notify.ts';
import type { CompiledPolicy } from '../../core/policy/rule.ts';
import { activePolicy } from '../approval-access.ts';
import type { DoorEnv } from '../door-env.ts';
import { HttpFailure, publicDetail } from '../render-failure.ts';
import { boundedText } from '../request-body.ts';

/** The payload repeats the message that was clicked, percent-encoded. */
const MAX_INTERACTION_BYTES = 256 * 1024;

/** Of a click on one button; everything else of the payload is Slack's business. Reference: block_actions payload. */
const clickPayload = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string().min(1).max(64), team_id: z.string().min(1).max(64) }),
  team: z.object({ id: z.string().min(1).max(64) }),
  channel: z.object({ id: z.string().min(1).max(64) }),
  actions: z.tuple([
    z.object({
      type: z.literal('button'),
      action_id: z.enum([APPROVE_ACTION, DENY_ACTION]),
      value: z.string().max(2000),
    }),
  ]),
});

const buttonValue = z.strictObject({
  approval: z.string().refine((id) => parseApprovalId(id) !== null),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});

interface Click {
  readonly vote: 'approve' | 'deny';
  readonly approval: string;
  readonly digest: string;
  readonly user: string;
  readonly team: string;
  readonly channel: string;
}

export const slackRoutes = new Hono<DoorEnv>();

slackRoutes.post('/slack/interactions', async (c) => {
  const { policy, hash } = await activePolicy(c);
  const { slack } = policy.notify;
  const signingSecret = slack === null ? null : secret(c.env, slack.signingSecret);
  if (slack === null || signingSecret === null) throw new HttpFailure('not_found');
  const body = await boundedText(c, MAX_INTERACTION_BYTES);
  const signature = verifiedSignature(signingSecret, c.req.raw.headers, body, Date.now());
  if (signature === null) throw new HttpFailure('signature_refused');

  const click = parseClick(body);
  if (click === null) throw new HttpFailure('request_invalid');
  const refusal = await cast(c, policy, slack, hash, click, signature);
  if (refusal !== null) {
    console.warn(
      JSON.stringify({
        event: 'slack_click_refused',
        code: refusal.code,
        approval: click.approval,
      }),
    );
    // Slack's answer must not wait for another call to Slack, and a whisper that gets lost loses nothing. It holds no
    // link: the request's Host is not signed, and the message above has one.
    c.executionCtx.waitUntil(
      createSlack(c.env, slack).whisper(
        click.channel,
        click.user,
        `${refusal.sentence} Open the request by the link in its message.`,
      ),
    );
  }
  return c.body(null, 200);
});

interface Refusal {
  readonly code: string;
  /** For the person who clicked; ours, and without anything from outside. */
  readonly sentence: string;
}

/** Null: the vote counts. */
async function cast(
  c: Context<DoorEnv>,
  policy: CompiledPolicy,
  slack: PolicySlack,
  policyHash: string,
  click: Click,
  signature: string,
): Promise<Refusal | null> {
  const person = namedHuman(policy, slack, click);
  if (person === null) {
    return {
      code: 'slack_user_unknown',
      sentence: 'The policy does not say who you are in Slack, so your click counts for nothing.',
    };
  }
  // Our messages stand in one channel; a button that comes from elsewhere is not under one of them.
  if (click.channel !== slack.channel) return BUTTONS_OFF;
  try {
    const view = await viewApproval(c.env, click.approval);
    if (view === null) return refused('not_found');
    if (offersButtons(view.request) !== true) return BUTTONS_OFF;
    const result = await castBallot(c.env, {
      id: click.approval,
      digest: click.digest,
      policyHash,
      vote: click.vote,
      // A click cannot say why; the page can.
      reason: click.vote === 'deny' ? 'Denied in Slack, without a reason.' : '',
      voter: {
        id: person.principal,
        issuer: person.issuer,
        subject: person.subject,
        kind: 'human',
        groups: person.groups,
        claims: {},
      },
      via: 'slack',
      // The request comes from Slack's own machines: the account that clicked says more.
      address: `slack:${click.team}/${click.user}`,
      country: '',
      once: signature,
    });
    return result.ok ? null : refused(result.code);
  } catch {
    // A Durable Object that is being moved or restarted throws; whoever clicked can only try again.
    return refused('approval_unavailable');
  }
}

const BUTTONS_OFF: Refusal = {
  code: 'slack_buttons_off',
  sentence: 'This request cannot be decided in Slack.',
};

function refused(code: Parameters<typeof publicDetail>[0]): Refusal {
  return { code, sentence: `This did not count. ${publicDetail(code)}` };
}

/** The policy was checked when it was loaded; that a Slack user is no workload is worth checking again. */
function namedHuman(policy: CompiledPolicy, slack: PolicySlack, click: Click): SlackUser | null {
  const person = slackUser(slack, click.team, click.user);
  const issuer = policy.issuers.find(({ id }) => id === person?.issuer);
  return issuer?.kind === 'human' ? person : null;
}

/** Null for anything but one click on one of our buttons by a member of the workspace where the message stands. */
function parseClick(body: string): Click | null {
  const fields = [...new URLSearchParams(body)];
  const [name, payload] = fields[0] ?? [];
  if (fields.length !== 1 || name !== 'payload' || payload === undefined) return null;
  const parsed = clickPayload.safeParse(json(payload));
  if (!parsed.success) return null;
  const { user, team, channel, actions } = parsed.data;
  const [action] = actions;
  const value = buttonValue.safeParse(json(action.value));
  // In a channel that is shared with another organisation, its people are of another team.
  if (!value.success || user.team_id !== team.id) return null;
  return {
    vote: action.action_id === APPROVE_ACTION ? 'approve' : 'deny',
    ...value.data,
    user: user.id,
    team: team.id,
    channel: channel.id,
  };
}

/** Undefined for what is not JSON; no schema takes that. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
