import { describe, expect, it } from 'vitest';
import { slackUser } from '../../../core/policy/notify.ts';
import { parsePolicy } from '../../../core/policy/parse.ts';
import { fileWith, problems } from './fixtures.ts';

const FILE = fileWith(['when: \'sql.effect == "read"\', then: allow']);
const BUTTONS = fileWith([
  'when: \'sql.effect == "write"\', then: approve, approval: { by: [dba], slackButtons: true }',
]);

const ANN = 'U1: { principal: "people:ann", groups: [dba] }';
const slack = (more: string): string =>
  `notify: { slack: { channel: C1, token: SLACK_TOKEN, ${more} } }\n`;
const hooks = (...entries: string[]): string => `notify: { webhooks: [${entries.join(', ')}] }\n`;

describe('what is named is notified', () => {
  it('nobody, without the key', () => {
    const parsed = parsePolicy(FILE, { development: false });
    expect(parsed.ok && parsed.value.notify).toEqual({ slack: null, webhooks: [] });
  });

  it('a channel, its people and webhooks', () => {
    const text = `${BUTTONS}notify:
  slack: { channel: C1, token: SLACK_TOKEN, team: T1, users: { ${ANN} } }
  webhooks:
    - { url: "https://hook.example/a", secret: HOOK_SECRET }
    - { urlFrom: TEAMS_URL, secret: TEAMS_SECRET, format: teams }
`;
    expect(problems(text)).toEqual([]);
    const parsed = parsePolicy(text, { development: false });
    expect(parsed.ok && parsed.value.notify).toEqual({
      slack: {
        channel: 'C1',
        token: 'SLACK_TOKEN',
        signingSecret: 'SLACK_SIGNING_SECRET',
        team: 'T1',
        users: {
          U1: { principal: 'people:ann', issuer: 'people', subject: 'ann', groups: ['dba'] },
        },
      },
      webhooks: [
        {
          address: { kind: 'url', url: 'https://hook.example/a' },
          secret: 'HOOK_SECRET',
          format: 'standard',
        },
        { address: { kind: 'secret', name: 'TEAMS_URL' }, secret: 'TEAMS_SECRET', format: 'teams' },
      ],
    });
  });

  it('a subject may hold colons', () => {
    const text = `${FILE}${slack('team: T1, users: { U1: { principal: "people:a:b", groups: [dba] } }')}`;
    const parsed = parsePolicy(text, { development: false });
    expect(parsed.ok && parsed.value.notify.slack?.users['U1']).toMatchObject({
      issuer: 'people',
      subject: 'a:b',
    });
  });
});

describe('refused at load', () => {
  it.each([
    [
      'a channel by name',
      FILE + slack('').replace('channel: C1', 'channel: "#dba"'),
      'notify.slack.channel: must be the ID of a channel',
    ],
    [
      'a token that is one',
      FILE + slack('').replace('SLACK_TOKEN', 'xoxb-1-abc'),
      'never its value',
    ],
    [
      'a binding of the gateway as token',
      FILE + slack('').replace('SLACK_TOKEN', 'POSTERN_ENV'),
      'notify.slack.token: POSTERN_ENV is a binding of the gateway itself',
    ],
    [
      'people of an unnamed workspace',
      `${FILE}${slack(`users: { ${ANN} }`)}`,
      'notify.slack.users: needs notify.slack.team',
    ],
    [
      'a workload behind a Slack user',
      `${FILE}${slack('team: T1, users: { U1: { principal: "ci:bot", groups: [dba] } }')}`,
      'notify.slack.users.U1.principal: ci is not of kind human, and only humans approve',
    ],
    [
      'somebody of no issuer',
      `${FILE}${slack('team: T1, users: { U1: { principal: "ann", groups: [dba] } }')}`,
      'notify.slack.users.U1.principal: is not issuer:subject with one of the issuers of this file',
    ],
    [
      'an issuer without a subject',
      `${FILE}${slack('team: T1, users: { U1: { principal: "people:", groups: [dba] } }')}`,
      'notify.slack.users.U1.principal: is not issuer:subject',
    ],
    [
      'a name that hides something',
      `${FILE}${slack('team: T1, users: { U1: { principal: "people:a\\u202eb", groups: [dba] } }')}`,
      'must not hold control or invisible characters',
    ],
    [
      'nobody who could press a button',
      `${BUTTONS}${slack('team: T1')}`,
      'rules.0.approval.slackButtons: needs notify.slack.users',
    ],
    ['buttons without Slack', BUTTONS, 'rules.0.approval.slackButtons: needs notify.slack.users'],
    [
      'plain http',
      FILE + hooks('{ url: "http://hook.example/", secret: S }'),
      'notify.webhooks.0.url: must be https',
    ],
    [
      'plain http to loopback in production',
      FILE + hooks('{ url: "http://127.0.0.1:1/", secret: S }'),
      'notify.webhooks.0.url: must be https: plain http is for loopback in development',
    ],
    [
      'a URL with a secret in it',
      FILE + hooks('{ url: "https://hook.example/?sig=abc", secret: S }'),
      'must be an https URL without user, query or fragment',
    ],
    ['no address', FILE + hooks('{ secret: S }'), 'notify.webhooks.0: names either url or urlFrom'],
    [
      'two addresses',
      FILE + hooks('{ url: "https://h.example/", urlFrom: U, secret: S }'),
      'notify.webhooks.0: names either url or urlFrom',
    ],
    [
      'one address twice',
      FILE + hooks('{ urlFrom: U, secret: S }', '{ urlFrom: U, secret: T }'),
      'notify.webhooks.1: this address is already told',
    ],
  ])('%s', (_name, file, problem) => {
    expect(problems(file).join('\n')).toContain(problem);
  });

  it('a group that no human can be in, when groups are not taken from tokens', () => {
    const file = FILE.replace(
      /(kind: human\n) +groupsFrom: claims.groups/,
      '$1    groups: { dba: "true" }',
    );
    expect(problems(`${file}${slack(`team: T1, users: { ${ANN} }`)}`)).toEqual([]);
    const other = slack('team: T1, users: { U1: { principal: "people:ann", groups: [dbs] } }');
    expect(problems(`${file}${other}`).join('\n')).toContain(
      'notify.slack.users.U1.groups.0: no human issuer gives the group dbs',
    );
  });

  it('takes loopback in development', () => {
    expect(problems(FILE + hooks('{ url: "http://127.0.0.1:1/", secret: S }'), true)).toEqual([]);
  });
});

describe('who a Slack user is', () => {
  const named = (text: string) => {
    const parsed = parsePolicy(FILE + text, { development: false });
    if (!parsed.ok || parsed.value.notify.slack === null) throw new Error('no policy');
    return parsed.value.notify.slack;
  };
  const policy = named(slack(`team: T1, users: { ${ANN} }`));

  it.each([
    ['named', 'T1', 'U1', 'people:ann'],
    ['unnamed', 'T1', 'U2', undefined],
    ['of another workspace', 'T2', 'U1', undefined],
    ['named like a property of every object', 'T1', 'constructor', undefined],
    ['named __proto__', 'T1', '__proto__', undefined],
  ])('%s', (_name, team, user, principal) => {
    expect(slackUser(policy, team, user)?.principal).toBe(principal);
  });

  it('nobody, where no workspace is named', () => {
    expect(slackUser(named(slack('')), '', 'U1')).toBeNull();
  });
});
