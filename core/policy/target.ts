// From a target in the file to what the program reaches: alternatives spelt out, defaults filled in, the address taken apart.
// Names of secrets only; what they hold is looked up when a target is reached.
import type { CredentialDocument } from './target-document.ts';
import type { TargetDocument } from './document.ts';
import type {
  HttpCredential,
  HttpTarget,
  McpTarget,
  PolicyRoute,
  PolicyTarget,
  WebTarget,
} from './policy.ts';
import { serviceAddress } from './service-address.ts';
import { hostPort, isLoopback } from './web-address.ts';

/** Null for a target that lacks what its kind needs, and for kinds without an engine; the author has been told so. */
export function policyTarget(document: TargetDocument): PolicyTarget | null {
  switch (document.kind) {
    case 'postgres':
      return postgresTarget(document);
    case 'http':
      return httpTarget(document);
    case 'mcp':
      return mcpTarget(document);
    default:
      return null;
  }
}

function postgresTarget(document: TargetDocument): PolicyTarget | null {
  const address = hostPort(document.address);
  const { database, credential } = document;
  if (address === null || database === undefined || credential === undefined) return null;
  if (!('user' in credential)) return null;
  return {
    id: document.id,
    kind: 'postgres',
    labels: document.labels,
    host: address.host,
    port: address.port,
    database,
    route: tcpRoute(document.via, address.host),
    credential,
    access: document.access,
    record: document.record,
  };
}

function httpTarget(document: TargetDocument): HttpTarget | null {
  const target = webTarget(document);
  return target === null ? null : { ...target, kind: 'http' };
}

function mcpTarget(document: TargetDocument): McpTarget | null {
  const target = webTarget(document);
  if (target === null) return null;
  const { tools = [], resources = false, prompts = false } = document.mcp ?? {};
  const named = tools.map((tool) => (typeof tool === 'string' ? { name: tool } : tool));
  return {
    ...target,
    kind: 'mcp',
    mcp: {
      tools: new Map(
        named.map((tool): [string, { definition: string | null }] => [
          tool.name,
          { definition: ('definition' in tool ? tool.definition : null) ?? null },
        ]),
      ),
      resources,
      prompts,
    },
  };
}

function webTarget(document: TargetDocument): Omit<WebTarget, 'kind'> | null {
  const address = serviceAddress(document.address);
  if (!address.ok) return null;
  const { scheme, host, port, base } = address.value;
  const credential = document.credential === undefined ? null : httpCredential(document.credential);
  if (document.credential !== undefined && credential === null) return null;
  const { via, http } = document;
  // Straight to the address: fetch speaks TLS from the first byte, or none.
  const direct: PolicyRoute = {
    kind: 'tcp',
    tls: scheme === 'https' ? 'direct' : 'off',
    serverName: null,
  };
  return {
    id: document.id,
    labels: document.labels,
    scheme,
    host,
    port,
    base,
    route: throughRoute(via) ?? direct,
    credential,
    certificate: document.certificate ?? null,
    options: {
      cookies: http?.cookies ?? false,
      challenges: http?.challenges ?? false,
      headers: (http?.headers ?? []).map((name) => name.toLowerCase()),
      encodedDelimiters: http?.encodedDelimiters ?? false,
      graphql: http?.graphql ?? [],
      webSocket: http?.webSocket ?? false,
    },
    record: document.record,
  };
}

/** Null for a login of another kind of target. */
function httpCredential(document: CredentialDocument): HttpCredential | null {
  if ('bearer' in document) return { kind: 'bearer', token: document.bearer };
  if ('basic' in document) return { kind: 'basic', ...document.basic };
  if ('header' in document) {
    const { header, secret, value } = document;
    return { kind: 'header', name: header, secret, ...(value !== undefined && { value }) };
  }
  if ('query' in document) {
    return { kind: 'query', parameter: document.query, secret: document.secret };
  }
  if ('sigv4' in document) {
    const { sessionToken, ...key } = document.sigv4;
    return { kind: 'sigv4', ...key, ...(sessionToken !== undefined && { sessionToken }) };
  }
  if ('oauth' in document) {
    const { audience, resource, ...client } = document.oauth;
    return { kind: 'oauth', ...client, audience: audience ?? null, resource: resource ?? null };
  }
  return null;
}

const TLS = { 'verify-full': 'upgrade', direct: 'direct', off: 'off' } as const;

function tcpRoute(via: TargetDocument['via'], host: string): PolicyRoute {
  const through = throughRoute(via);
  if (through !== null) return through;
  const tcp = via !== undefined && 'tcp' in via ? via.tcp : null;
  const byDefault = isLoopback(host) ? 'off' : 'upgrade';
  return {
    kind: 'tcp',
    tls: tcp === null ? byDefault : TLS[tcp.tls],
    serverName: tcp?.serverName ?? null,
  };
}

/** Null where nothing stands between the gateway and the address. */
function throughRoute(via: TargetDocument['via']): PolicyRoute | null {
  if (via === undefined || 'tcp' in via) return null;
  if ('tunnel' in via) return { kind: 'tunnel', url: via.tunnel, access: via.access ?? null };
  return { kind: 'vpc', binding: via.vpc };
}
