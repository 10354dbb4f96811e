// The OpenAPI document: generated, complete, and true of what the routes take.
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { openApi, openApiRoutes } from '../../../worker/openapi.ts';

const document = openApi('https://gate.example') as unknown as {
  readonly paths: Record<string, Record<string, unknown>>;
  readonly components: {
    readonly schemas: Record<string, { readonly additionalProperties?: unknown }>;
  };
};

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : references(inner),
  );
}

describe('GET /openapi.json', () => {
  it('needs no token', async () => {
    const response = await openApiRoutes.request('https://gate.example/openapi.json', {}, env);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      openapi: '3.1.0',
      servers: [{ url: 'https://gate.example' }],
    });
  });

  it('describes the routes of the JSON API', () => {
    expect(
      Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method} ${path}`),
      ),
    ).toEqual([
      'get /v1/targets',
      'post /v1/targets/{target}/query',
      'get /v1/calls/{id}',
      'delete /v1/calls/{id}',
      'post /v1/grants',
      'get /v1/grants/{id}',
      'delete /v1/grants/{id}',
      'get /v1/approvals',
      'get /v1/approvals/{id}',
      'post /v1/approvals/{id}/decision',
    ]);
  });

  it('leads no reference into nothing', () => {
    const found = new Set(references(document));
    expect(found.size).toBeGreaterThan(8);
    for (const reference of found) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1];
      expect(document.components.schemas, reference).toHaveProperty(name ?? reference);
    }
  });

  it('says that unknown keys are refused', () => {
    for (const name of ['QueryRequest', 'GrantRequest', 'Decision']) {
      expect(document.components.schemas[name]?.additionalProperties).toBe(false);
    }
  });
});
