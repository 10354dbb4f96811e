// GET /openapi.json: OpenAPI 3.1 of the JSON API, generated from the very schemas that check requests. Public: it says
// nothing that this file does not.
import { Hono } from 'hono';
import { z } from 'zod';
import { gatewayOrigin } from '../adapters/env.ts';
import { param, queryBody } from '../core/call/request.ts';
import { callSucceeded, callWaiting, problemDocument } from '../core/call/response.ts';
import type { DoorEnv } from './door-env.ts';
import { approval, approvalList, grant, standing, targetList } from './openapi-answers.ts';
import { approvalsQuery, decisionBody, showQuery } from './routes/approvals.ts';
import { callQuery } from './routes/calls.ts';
import { grantBody } from './routes/grants.ts';

const REQUESTS = {
  QueryRequest: queryBody,
  Param: param,
  GrantRequest: grantBody,
  Decision: decisionBody,
};
const ANSWERS = {
  QueryAnswer: callSucceeded,
  CallWaiting: callWaiting,
  Problem: problemDocument,
  Targets: targetList,
  Approval: approval,
  Approvals: approvalList,
  Grant: grant,
  Standing: standing,
};

type Json = Readonly<Record<string, unknown>>;

/** As component schemas: references within them lead to components, too. */
function components(schemas: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const generated = z.toJSONSchema(registry, { io, uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(generated.schemas).map(([id, { $id: _id, $schema: _schema, ...schema }]) => [
      id,
      schema,
    ]),
  );
}

/** The fields of a query schema as parameters in the query string. */
function queryParameters(schema: z.ZodType): Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, shape]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: shape,
  }));
}

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string): Json => ({ 'application/json': { schema: ref(name) } });
const answer = (description: string, name: string): Json => ({ description, content: json(name) });
const REFUSED: Json = {
  description: 'Refused or failed; `code` says why.',
  content: { 'application/problem+json': { schema: ref('Problem') } },
};

function path(name: string, pattern: string): Json {
  return { name, in: 'path', required: true, schema: { type: 'string', pattern } };
}

const TARGET = path('target', '^[a-z0-9][a-z0-9-]{0,62}$');
const CALL = path('id', '^[0-9a-f]{32}$');
const APPROVAL = path('id', String.raw`^[0-9a-f]{32}-\d+$`);

const header = (name: string, description: string, maxLength: number): Json => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string', maxLength },
});

const KEY = header(
  'Idempotency-Key',
  'Makes the POST safe to repeat: the same key answers with the same call.',
  130,
);
const TASK = header('X-Postern-Task', 'What you are doing; shown to approvers as claimed.', 200);

function operation(
  summary: string,
  responses: Json,
  more: { readonly parameters?: readonly Json[]; readonly body?: string } = {},
): Json {
  const { parameters = [], body } = more;
  return {
    summary,
    parameters,
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: { ...responses, default: REFUSED },
  };
}

const CALL_ANSWERS = {
  200: answer('It has run.', 'QueryAnswer'),
  202: {
    ...answer('It runs, or waits for people: poll.', 'CallWaiting'),
    headers: {
      Location: { schema: { type: 'string' } },
      'Retry-After': { schema: { type: 'integer' } },
    },
  },
};

function paths(): Json {
  const granted = { 200: answer('How it stands.', 'Grant') };
  return {
    '/v1/targets': {
      get: operation('What you may reach.', { 200: answer('Targets.', 'Targets') }),
    },
    '/v1/targets/{target}/query': {
      post: operation('Run one SQL statement.', CALL_ANSWERS, {
        parameters: [TARGET, KEY, TASK],
        body: 'QueryRequest',
      }),
    },
    '/v1/calls/{id}': {
      get: operation('How a call of yours stands.', CALL_ANSWERS, {
        parameters: [CALL, ...queryParameters(callQuery)],
      }),
      delete: operation('Cancel it.', CALL_ANSWERS, { parameters: [CALL] }),
    },
    '/v1/grants': {
      post: operation(
        'Ask for access for a while.',
        { ...granted, 202: answer('People are asked.', 'Grant') },
        { body: 'GrantRequest' },
      ),
    },
    '/v1/grants/{id}': {
      get: operation('How it stands.', granted, {
        parameters: [APPROVAL, ...queryParameters(showQuery)],
      }),
      delete: operation('Give it back, or take it away.', granted, { parameters: [APPROVAL] }),
    },
    '/v1/approvals': {
      get: operation(
        'What waits, and what was decided.',
        { 200: answer('Approvals.', 'Approvals') },
        { parameters: queryParameters(approvalsQuery) },
      ),
    },
    '/v1/approvals/{id}': {
      get: operation(
        'One of them, whole.',
        { 200: answer('The approval.', 'Approval') },
        {
          parameters: [APPROVAL, ...queryParameters(showQuery)],
        },
      ),
    },
    '/v1/approvals/{id}/decision': {
      post: operation(
        'Decide, as a person.',
        { 200: answer('Where it stands now.', 'Standing') },
        {
          parameters: [APPROVAL],
          body: 'Decision',
        },
      ),
    },
  };
}

/** The whole document. `server`: the gateway's own origin. */
export function openApi(server: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Postern',
      version: '1',
      description:
        'Guarded access to private targets. Every answer that is no success is a problem document (RFC 9457).',
    },
    servers: [{ url: server }],
    security: [{ token: [] }],
    paths: paths(),
    components: {
      schemas: { ...components(REQUESTS, 'input'), ...components(ANSWERS, 'output') },
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'An OIDC token of a configured issuer.',
        },
      },
    },
  };
}

export const openApiRoutes = new Hono<DoorEnv>();

openApiRoutes.get('/openapi.json', (c) =>
  c.json(openApi(gatewayOrigin(c.env, c.req.url)), 200, { 'cache-control': 'public, max-age=300' }),
);
