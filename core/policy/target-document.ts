// The shape of a target in postern.yaml. One object for all kinds, so that a key of another kind is refused with a sentence
// about it (target-problems.ts) and not as a key that does not exist.
import { z } from 'zod';
import { MAX_LIST, id, label, plainText, secretName, url } from './document-scalars.ts';

/** As core/http/credential.ts accepts them. */
const QUERY_PARAMETER = /^[\w.~$[\]-]{1,64}$/;
/** RFC 6749 section 3.3, `scope-token`. */
const SCOPE = /^[!#-[\]-~]{1,200}$/;
/** RFC 6749 appendix A.1, without blanks. */
const CLIENT_ID = /^[!-~]{1,500}$/;
const REGION = /^[a-z0-9-]{1,64}$/;

const text = plainText(2048);

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

const login = z.strictObject({ user: plainText(63), password: secretName });

const bearer = z.strictObject({ bearer: secretName });

const basic = z.strictObject({
  basic: z.strictObject({
    user: plainText(200).regex(/^[^:]*$/, 'must not hold a colon (RFC 7617)'),
    password: secretName,
  }),
});

const header = z.strictObject({
  header: z.string().min(1).max(100).describe('The name of the header: X-Api-Key.'),
  secret: secretName,
  value: z
    .string()
    .max(500)
    .regex(/\{\}/, 'must hold {} where the secret goes')
    .describe('What stands around the secret: Token {}. Default: the secret alone.')
    .optional(),
});

const query = z.strictObject({
  query: z.string().regex(QUERY_PARAMETER, 'must be the name of a query parameter'),
  secret: secretName,
});

const sigv4 = z.strictObject({
  sigv4: z.strictObject({
    accessKeyId: secretName,
    secretAccessKey: secretName,
    sessionToken: secretName.optional(),
    region: z.string().regex(REGION, 'must be a region, like eu-central-1'),
    service: z.string().regex(REGION, 'must be the name that AWS signs for, like execute-api'),
  }),
});

const oauth = z.strictObject({
  oauth: z.strictObject({
    tokenUrl: url.describe('The token endpoint (RFC 6749, client credentials).'),
    clientId: z.string().regex(CLIENT_ID, 'must be visible ASCII'),
    clientSecret: secretName,
    scope: z
      .array(z.string().regex(SCOPE, 'must be one scope, without blanks'))
      .max(50)
      .default([]),
    audience: text.optional(),
    resource: url.describe('Resource indicator (RFC 8707).').optional(),
    authentication: z
      .enum(['basic', 'post'])
      .default('basic')
      .describe('client_secret_basic or client_secret_post.'),
  }),
});

const http = z.strictObject({
  cookies: z.boolean().default(false).describe("Cookies pass, the gateway's own excepted."),
  challenges: z.boolean().default(false).describe('WWW-Authenticate and the like pass.'),
  headers: z
    .array(z.string().min(1).max(100))
    .max(100)
    .default([])
    .describe('Headers that pass only where they are named (docs/http.md).'),
  encodedDelimiters: z
    .boolean()
    .default(false)
    .describe('Paths may hold %2F, %3F and %23, as in names of GitLab projects.'),
  graphql: z
    .array(z.string().min(1).max(1000))
    .max(MAX_LIST)
    .default([])
    .describe('Paths, below the address, at which everything is GraphQL.'),
  webSocket: z
    .boolean()
    .default(false)
    .describe('WebSockets may be opened where a rule allows the request for one.'),
});

/** As a server spells it, to the letter. */
const toolName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII');

const mcp = z.strictObject({
  tools: z
    .array(
      z.union([
        toolName,
        z.strictObject({
          name: toolName,
          definition: z
            .string()
            .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex')
            .describe('Of the tool as it was looked at (docs/mcp.md): another one is disabled.')
            .optional(),
        }),
      ]),
    )
    .max(MAX_LIST)
    .default([])
    .describe('Tools that callers may see; rules say who may call them, and how.'),
  resources: z.boolean().default(false).describe('Resources may be listed and read.'),
  prompts: z.boolean().default(false).describe('Prompts may be listed and read.'),
});

export const target = z.strictObject({
  id,
  kind: z.enum(['postgres', 'http', 'kubernetes', 'ssh', 'mcp']),
  address: z
    .string()
    .max(2048)
    .describe(
      'As seen from the far end of `via`: host:port of a database; the URL of an HTTP service or an MCP endpoint, without user, query and fragment.',
    ),
  database: plainText(63).describe('postgres: the one database that sessions get.').optional(),
  via: via.optional(),
  credential: z
    .union([login, bearer, basic, header, query, sigv4, oauth])
    .describe('postgres: {user, password}. http, mcp: one of the others, or none.')
    .optional(),
  certificate: secretName
    .describe('http, mcp: the name of an mTLS certificate binding, shown to the target.')
    .optional(),
  mcp: mcp.describe('mcp: what of the server exists for callers.').optional(),
  http: http.describe('http: what passes beyond the tables of docs/http.md.').optional(),
  access: z.enum(['read-write', 'read-only']).default('read-write'),
  labels: z.record(label, plainText(200)).default({}),
  record: z.enum(['statements', 'results']).default('statements'),
});

export type CredentialDocument = NonNullable<z.output<typeof target>['credential']>;
export type LoginDocument = z.output<typeof login>;
