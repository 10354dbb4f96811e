// The shape of postern.yaml (docs/policy.md): every key that exists, and nothing else. What a value means together with
// others is checked in references.ts; what this version does not enforce is refused by unenforced.ts; conditions are
// compiled by condition.ts. The JSON Schema for editors is derived from here.
import { z } from 'zod';
import { MODEL_ENTITIES } from '../masking/detect/model.ts';
import { parseJsonPath } from '../masking/json-path.ts';
import { MASK_KINDS, PREDICATE_MODES } from '../masking/mask.ts';
import { columnPattern } from './column-pattern.ts';
import {
  MAX_LIST,
  condition,
  duration,
  group,
  id,
  label,
  plainText,
  secretName,
  url,
} from './document-scalars.ts';
import { target } from './target-document.ts';

/** What follows of it is masked whole; `$` itself would be the whole body, and no mask. */
function usablePath(text: string): boolean {
  const steps = parseJsonPath(text);
  return steps !== null && steps.length > 0;
}

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
  fields: z
    .array(
      z
        .string()
        .max(300)
        .refine((text) => usablePath(text), {
          message:
            "must be a JSONPath of names, indices and stars, like $.user.email, $.items[*].card, $..token or $['a b']",
        }),
    )
    .max(MAX_LIST)
    .default([])
    .describe('Places in the JSON that HTTP targets answer with.'),
  detect: z
    .array(label)
    .max(50)
    .default([])
    .describe('Detectors or groups of them (docs/masking.md), whose findings are masked anywhere.'),
  model: z
    .strictObject({
      use: id.describe('The id of one of `models`.'),
      entities: z.array(z.enum(MODEL_ENTITIES)).min(1, 'names what to look for'),
    })
    .describe('What a model finds in any text of a result (docs/masking.md, "Models").')
    .optional(),
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

const MAX_LIMIT = 1_000_000_000;

const presidio = z.strictObject({
  address: url.describe('Of a Presidio analyzer, without /analyze.'),
  access: secretName
    .describe('The secret with a service token of Cloudflare Access, as id:secret.')
    .optional(),
  token: secretName.describe('The secret with a bearer token.').optional(),
  language: z
    .string()
    .regex(/^[a-z]{2,3}$/, 'must be a language code such as en')
    .default('en'),
  threshold: z.number().min(0).max(1).default(0.5).describe('Findings below are left alone.'),
});

const workersAi = z.strictObject({
  binding: secretName.describe('The name of the AI binding.'),
  model: z
    .string()
    .regex(/^@(cf|hf)\/[a-z0-9._/-]{1,100}$/i, 'must be a model of Workers AI, like @cf/…')
    .describe('A text generation model with JSON mode.'),
});

const model = z.union([z.strictObject({ id, presidio }), z.strictObject({ id, workersAi })]);

const limit = z.strictObject({
  id: id.describe('What refusals name, and what the count is kept under.').optional(),
  who: condition.describe('CEL over principal: whom it concerns. Default: everybody.').optional(),
  on: on.optional(),
  sessions: z.int().min(1).max(MAX_LIMIT).describe('Live at the same time.').optional(),
  actionsPerMinute: z.int().min(1).max(MAX_LIMIT).describe('In any 60 seconds.').optional(),
  rowsPerHour: z.int().min(1).max(MAX_LIMIT).describe('Returned or changed.').optional(),
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
  models: z.array(model).max(20).optional(),
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
export type ModelDocument = NonNullable<PolicyDocument['models']>[number];
export type MaskDocument = NonNullable<PolicyDocument['masks']>[number];
export type LimitDocument = NonNullable<PolicyDocument['limits']>[number];
export type NotifyDocument = NonNullable<PolicyDocument['notify']>;

/** JSON Schema (2020-12) of the file as it is written, for editors. */
export function policyJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(policyDocument, { io: 'input', unrepresentable: 'any' });
  return { ...schema, title: 'Postern policy (postern.yaml)' };
}
