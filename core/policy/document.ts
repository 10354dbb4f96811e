// The shape of postern.yaml (docs/policy.md): every key that exists, and nothing else. What a value means together with
// others is checked in references.ts; what this version does not enforce is refused by unenforced.ts; conditions are
// compiled by condition.ts. The JSON Schema for editors is derived from here.
import { z } from 'zod';
import { MASK_KINDS, PREDICATE_MODES } from '../masking/mask.ts';
import { columnPattern } from './column-pattern.ts';
import { DURATION_PATTERN, durationSeconds } from './duration.ts';
import { hostPort, webAddress } from './web-address.ts';

/** All asymmetric signature algorithms of RFC 7518 and RFC 8037. HS* and `none` cannot even be written. */
export const TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const MAX_CONDITION_CHARS = 4096;
const MAX_LIST = 1000;

const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and -')
  .describe('A name: 1 to 63 of a-z, 0-9 and -.');

const label = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,62}$/, 'must be a CEL identifier');

// Control characters and bidirectional overrides could make one name look like another on an approver's screen.
const plainText = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, 'must not hold control or invisible characters');

const group = plainText(200);

const condition = z
  .string()
  .min(1)
  .max(MAX_CONDITION_CHARS)
  .describe('A CEL expression (docs/policy.md, "Conditions").');

const secretName = z
  .string()
  .regex(
    /^[A-Z][A-Z0-9_]{0,63}$/,
    'must be the NAME of a Worker secret, in capitals, never its value',
  )
  .describe('The name of a Worker secret, never its value.');

const duration = z
  .string()
  .regex(DURATION_PATTERN, 'must be a whole number and one of s, m, h, d: 15m, 1h, 400d')
  .transform((text) => durationSeconds(text) ?? 0);

const url = z
  .string()
  .max(2048)
  .refine((text) => webAddress(text) !== null, {
    message: 'must be an https URL without user, query or fragment',
  });

const issuer = z.strictObject({
  id,
  issuer: url.describe('Exactly the `iss` claim of its tokens.'),
  audience: z.union([
    z.string().min(1).max(500),
    z.array(z.string().min(1).max(500)).min(1).max(20),
  ]),
  kind: z.enum(['workload', 'human']).describe('Only humans can ever approve.'),
  accept: condition
    .describe('CEL over claims; a token for which it is not true is refused.')
    .optional(),
  subject: condition.default('claims.sub'),
  groups: z.record(group, condition).default({}),
  groupsFrom: condition.describe('CEL over claims giving a list of group names.').optional(),
  algorithms: z
    .array(z.enum(TOKEN_ALGORITHMS))
    .min(1)
    .default([...TOKEN_ALGORITHMS]),
  typ: z
    .array(z.string().min(1).max(100))
    .min(1)
    .describe('Accepted `typ` headers; default: none, JWT, JOSE, at+jwt.')
    .optional(),
  maxAge: duration.default(3600).describe('Longest time since `iat`.'),
  clockSkew: duration.default(30).describe('At most 60s.'),
  jwksUri: url.describe('Where the keys are, when the issuer has no OIDC discovery.').optional(),
  login: z
    .strictObject({
      clientId: z.string().min(1).max(500),
      scopes: z.array(z.string().min(1).max(200)).max(50).default(['openid']),
      web: z
        .strictObject({
          clientId: z.string().min(1).max(500).optional(),
          secret: secretName.optional(),
        })
        .describe('The client of logins in a browser, where it is another one or has a secret.')
        .optional(),
    })
    .describe('How `postern login` and the approval page get a token from this issuer.')
    .optional(),
});

const via = z.union([
  z.strictObject({ tunnel: url, access: secretName.optional() }),
  z.strictObject({ vpc: secretName.describe('The name of a VPC network binding.') }),
  z.strictObject({
    tcp: z.strictObject({
      tls: z.enum(['verify-full', 'direct', 'off']).default('verify-full'),
      serverName: z.string().min(1).max(253).optional(),
    }),
  }),
]);

const target = z.strictObject({
  id,
  kind: z.enum(['postgres', 'http', 'kubernetes', 'ssh', 'mcp']),
  address: z
    .string()
    .refine((text) => hostPort(text) !== null, { message: 'must be host:port' })
    .describe('host:port, as seen from the far end of `via`.'),
  database: plainText(63).optional(),
  via: via.optional(),
  credential: z.strictObject({ user: plainText(63), password: secretName }).optional(),
  access: z.enum(['read-write', 'read-only']).default('read-write'),
  labels: z.record(label, plainText(200)).default({}),
  record: z.enum(['statements', 'results']).default('statements'),
});

const approval = z.strictObject({
  by: z.array(group).min(1, 'an approve rule names who may approve').max(50),
  quorum: z.int().min(1).max(20).default(1),
  expires: duration.default(900).describe('How long a request stays open.'),
  wait: duration.default(300).describe('How long the connection waits for the answer.'),
  maxRows: z.int().min(0).max(1_000_000_000).optional(),
  grants: duration.describe('Length of the access an approved connect opens.').optional(),
  keep: z.boolean().default(false).describe('Keep the request open when the caller disconnects.'),
  slackButtons: z.boolean().default(false),
});

const on = z
  .union([z.array(id).min(1).max(MAX_LIST), condition])
  .describe('Target ids, or CEL over target. Default: every target.');

const rule = z.strictObject({
  id,
  who: condition.optional(),
  on: on.optional(),
  when: condition.optional(),
  // oxlint-disable-next-line unicorn/no-thenable -- data, never awaited
  then: z.enum(['allow', 'deny', 'approve']),
  approval: approval.optional(),
  message: plainText(500).describe('What the caller reads when this rule decides.').optional(),
  state: z.enum(['enforce', 'observe']).default('enforce'),
});

const mask = z.strictObject({
  id,
  who: condition.describe('CEL over principal: whom it concerns. Default: everybody.').optional(),
  on: on.optional(),
  columns: z
    .array(
      z
        .string()
        .max(300)
        .refine((text) => columnPattern(text) !== null, {
          message:
            'must be schema.table.column; * stands for any one of them, "quotes" around names with dots or stars',
        }),
    )
    .max(MAX_LIST)
    .default([])
    .describe('schema.table.column, exactly as the catalog has the names; * for any one of them.'),
  detect: z
    .array(label)
    .max(50)
    .default([])
    .describe('Detectors or groups of them (docs/masking.md), whose findings are masked anywhere.'),
  as: z.enum(MASK_KINDS),
  predicates: z
    .enum(PREDICATE_MODES)
    .default('equality')
    .describe('What the columns may do in WHERE, JOIN, GROUP BY, ORDER BY and DISTINCT.'),
  functions: z
    .array(plainText(150).regex(/^[^.]+\.[^.]+$/u, 'must be schema.function'))
    .max(MAX_LIST)
    .default([])
    .describe('Functions of the target whose result tells of nothing but their arguments.'),
  except: condition
    .describe('CEL over principal: whom it spares. An error spares nobody.')
    .optional(),
});

const limit = z.strictObject({
  who: condition.optional(),
  sessions: z.int().min(1).optional(),
  actionsPerMinute: z.int().min(1).optional(),
  rowsPerHour: z.int().min(1).optional(),
});

const slackUser = z.strictObject({
  principal: plainText(700).describe(
    'Who this is elsewhere: issuer:subject, exactly as the approval page records it.',
  ),
  groups: z
    .array(group)
    .min(1, 'a Slack user without groups could approve nothing')
    .max(50)
    .describe('The groups this person may approve for from Slack; a click brings no claims.'),
});

const slack = z.strictObject({
  channel: z.string().regex(/^[CG][A-Z0-9]{1,30}$/, 'must be the ID of a channel, like C0123ABCD'),
  token: secretName.describe('The name of the secret that holds the bot token (xoxb-…).'),
  signingSecret: secretName.default('SLACK_SIGNING_SECRET'),
  team: z
    .string()
    .regex(/^T[A-Z0-9]{1,30}$/, 'must be the ID of a workspace, like T0123ABCD')
    .describe('The workspace whose users may press buttons.')
    .optional(),
  users: z
    .record(
      z.string().regex(/^[UW][A-Z0-9]{1,30}$/, 'must be the ID of a Slack user, like U0123ABCD'),
      slackUser,
    )
    .default({}),
});

const webhook = z.strictObject({
  url: url.optional(),
  urlFrom: secretName
    .describe('The name of a secret that holds the URL, for URLs that are secrets themselves.')
    .optional(),
  secret: secretName.describe('The name of the secret that signs: whsec_ and 24 to 64 bytes.'),
  format: z.enum(['standard', 'teams']).default('standard'),
});

const notify = z.strictObject({
  slack: slack.optional(),
  webhooks: z.array(webhook).max(20).default([]),
});

export const policyDocument = z.strictObject({
  version: z.literal(1),
  issuers: z.array(issuer).min(1, 'a gateway without issuers lets nobody in').max(100),
  targets: z.array(target).max(MAX_LIST).default([]),
  rules: z.array(rule).max(MAX_LIST).default([]),
  masks: z.array(mask).max(MAX_LIST).optional(),
  limits: z.array(limit).max(MAX_LIST).optional(),
  notify: notify.optional(),
  retention: z
    .strictObject({ recordings: duration.optional(), index: duration.optional() })
    .optional(),
  audit: z
    .strictObject({
      read: condition.describe("CEL over principal: who may see others' sessions.").optional(),
      kill: condition.describe("CEL over principal: who may end others' sessions.").optional(),
    })
    .optional(),
});

export type PolicyDocument = z.output<typeof policyDocument>;
export type IssuerDocument = PolicyDocument['issuers'][number];
export type TargetDocument = PolicyDocument['targets'][number];
export type RuleDocument = PolicyDocument['rules'][number];
export type MaskDocument = NonNullable<PolicyDocument['masks']>[number];
export type NotifyDocument = NonNullable<PolicyDocument['notify']>;

/** JSON Schema (2020-12) of the file as it is written, for editors. */
export function policyJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(policyDocument, { io: 'input', unrepresentable: 'any' });
  return { ...schema, title: 'Postern policy (postern.yaml)' };
}
