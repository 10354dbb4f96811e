// A click on a button, as Slack sends it: a block_actions payload in a form, signed with the app's signing secret.
// docs.slack.dev/reference/interaction-payloads/block_actions-payload, /authentication/verifying-requests-from-slack.
// WebCrypto and nothing of Node, so that tests inside workerd can use it too.

export interface Click {
  readonly team: string;
  readonly user: string;
  readonly channel: string;
  readonly ts: string;
  readonly action: string;
  readonly value: string;
}

export function clickPayload({ team, user, channel, ts, action, value }: Click): object {
  return {
    type: 'block_actions',
    user: { id: user, username: user.toLowerCase(), name: user.toLowerCase(), team_id: team },
    api_app_id: 'A0STANDIN',
    token: 'deprecated-verification-token',
    container: { type: 'message', message_ts: ts, channel_id: channel, is_ephemeral: false },
    trigger_id: '12466734323.1395872398',
    team: { id: team, domain: 'acme' },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: channel, name: 'approvals' },
    message: { type: 'message', ts, text: '', bot_id: 'B0STANDIN' },
    response_url: 'https://hooks.slack.com/actions/T0/1/2',
    actions: [
      {
        action_id: action,
        block_id: 'b1',
        text: { type: 'plain_text', text: 'x', emoji: true },
        value,
        type: 'button',
        action_ts: ts,
      },
    ],
  };
}

/** Body and headers of an interaction, signed as of `atMs`. */
export async function signedInteraction(
  signingSecret: string,
  payload: object,
  atMs: number,
): Promise<{ readonly body: string; readonly headers: Record<string, string> }> {
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const timestamp = String(Math.floor(atMs / 1000));
  const utf8 = new TextEncoder();
  const key = await crypto.subtle.importKey(
    'raw',
    utf8.encode(signingSecret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const mac = await crypto.subtle.sign('HMAC', key, utf8.encode(`v0:${timestamp}:${body}`));
  const hex = [...new Uint8Array(mac)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return {
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': `v0=${hex}`,
    },
  };
}
