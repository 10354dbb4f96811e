// What becomes of each header: one table for requests, one for responses. headers.ts applies them.
//
//   drop      never passes, whatever the policy says; nobody is told
//   unless    is dropped unless the policy names it for the target
//   refuse    the message is refused: whoever sends it wants something done that is not what is judged
//
// A name that stands nowhere passes. `name-*` stands for all that begin so. Names are compared as CGI and its heirs see them,
// where `x_real_ip` and `x.real.ip` become the same variable as `x-real-ip`.

export type Treatment = 'drop' | 'unless' | 'refuse';

/** RFC 9110 section 7.6.1 and what came before it. They end at each hop. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-*',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

/** Of the caller; the target gets the gateway's credential or none. */
export const CREDENTIAL_REQUEST_HEADERS: readonly string[] = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'cookie2',
  'x-amz-security-token',
  'x-amz-date',
  'x-amz-content-sha256',
  'neon-connection-string',
];

/** Names under which services take keys. A caller that holds a key of its own needs a policy that says so. */
export const KEY_REQUEST_HEADERS: readonly string[] = [
  'api-key',
  'apikey',
  'x-api-key',
  'x-apikey',
  'x-api-token',
  'x-api-secret',
  'x-access-token',
  'x-auth-*',
  'x-authorization',
  'x-token',
  'x-session-token',
  'x-goog-api-key',
  'x-functions-key',
  'x-vault-token',
  'x-consul-token',
  'x-gitlab-token',
  'private-token',
  'job-token',
  'deploy-token',
  'dd-api-key',
  'dd-application-key',
  'circle-token',
  'ocp-apim-subscription-key',
  'x-shopify-access-token',
  'x-figma-token',
  'x-plex-token',
  'x-csrf-token',
  'x-xsrf-token',
];

/** Who the caller is, said by a proxy that servers believe. Only the gateway's own word counts, and it says nothing. */
const CLAIMS = [
  'forwarded',
  'x-forwarded-*',
  'x-forwarded',
  'x-original-forwarded-for',
  'x-original-host',
  'x-host',
  'x-http-host-override',
  'x-real-ip',
  'x-client-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-originating-ip',
  'x-cluster-client-ip',
  'x-azure-*',
  'client-ip',
  'true-client-ip',
  'fastly-client-ip',
  'cf-*',
  'cdn-loop',
  'x-envoy-*',
  'x-accel-*',
  'x-sendfile*',
  'x-middleware-*',
  'x-appengine-*',
  'x-ms-client-principal*',
  'x-ms-token-*',
  'x-goog-iap-*',
  'x-goog-authenticated-user-*',
  'x-amzn-oidc-*',
  'x-remote-user*',
  'x-remote-group*',
  'x-remote-extra*',
  'remote-user',
  'x-authenticated-*',
  'x-webauth-*',
  'impersonate-*',
  'ssl-client-*',
  'x-ssl-*',
  'x-client-cert*',
  'x-client-verify',
  'client-cert',
  'client-cert-chain',
];

/** They make a server run another method or another path than the ones that were judged. */
export const OVERRIDE_REQUEST_HEADERS: readonly string[] = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-method',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-rewrite-uri',
  'x-original-path',
  'x-override-url',
];

export const REQUEST_HEADERS: Readonly<Record<Treatment, readonly string[]>> = {
  drop: [
    ...HOP_BY_HOP,
    ...CREDENTIAL_REQUEST_HEADERS,
    ...CLAIMS,
    'host',
    'content-length', // the gateway frames the body anew
    'expect',
    'accept-encoding',
    'via',
    'max-forwards',
    'early-data',
    'sec-websocket-*',
    'sec-fetch-*',
    'x-postern-*',
  ],
  unless: [
    ...KEY_REQUEST_HEADERS,
    // They name the gateway, and the target would compare them with itself.
    'origin',
    'referer',
    'access-control-request-*',
    'destination', // WebDAV: a second address that no rule sees
  ],
  refuse: [
    ...OVERRIDE_REQUEST_HEADERS,
    'service-worker', // a script that would stay in the browser as the gateway's own
  ],
};

/** Challenges and cookies of the target; `allowChallenges` and `allowCookies` let them through. */
export const CREDENTIAL_RESPONSE_HEADERS: readonly string[] = [
  'set-cookie',
  'set-cookie2',
  'www-authenticate',
  'proxy-authenticate',
  'authentication-info',
  'proxy-authentication-info',
];

export const RESPONSE_HEADERS: Readonly<Record<Treatment, readonly string[]>> = {
  drop: [
    ...HOP_BY_HOP,
    ...CREDENTIAL_RESPONSE_HEADERS,
    // What a site says of itself to a browser would be said of the gateway, and of every other target behind it.
    'alt-svc',
    'alt-used',
    'clear-site-data',
    'strict-transport-security',
    'public-key-pins*',
    'expect-ct',
    'service-worker-allowed',
    'service-worker-navigation-preload',
    'report-to',
    'reporting-endpoints',
    'nel',
    'origin-trial',
    'origin-agent-cluster',
    'content-security-policy-report-only',
    'cross-origin-*',
    'accept-ch',
    'critical-ch',
    'speculation-rules',
    'supports-loading-mode',
    'set-login',
    'sourcemap',
    'x-sourcemap',
    // Orders to the proxy in front.
    'surrogate-*',
    'cdn-*',
    'cloudflare-*',
    'x-accel-*',
    'x-sendfile*',
    'cf-*',
    'via',
    'x-postern-*',
    'sec-websocket-*',
    'x-middleware-*',
  ],
  unless: ['access-control-*', 'timing-allow-origin'],
  refuse: [],
};

/** Of a body as the target sent it; wrong once the gateway has decoded or masked it. */
export const BODY_RESPONSE_HEADERS: readonly string[] = [
  'content-length',
  'content-encoding',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'want-*',
  'etag',
  'last-modified',
  'accept-ranges',
  'content-range',
  'signature',
  'signature-input',
  'x-amz-checksum-*',
  'x-goog-hash',
];

/** `x_real_ip`, `x.real.ip` and `X-Real-IP` are one name. */
export function foldedName(name: string): string {
  return name.toLowerCase().replaceAll(/[_.]/g, '-');
}

export type HeaderTable = (name: string) => Treatment | null;

/** Looks names up; null: it passes. The strictest treatment wins where several patterns fit. */
export function headerTable(rows: Readonly<Record<Treatment, readonly string[]>>): HeaderTable {
  const refuse = nameMatcher(rows.refuse);
  const drop = nameMatcher(rows.drop);
  const unless = nameMatcher(rows.unless);
  return (name) => (refuse(name) ? 'refuse' : drop(name) ? 'drop' : unless(name) ? 'unless' : null);
}

/** Whether a name is one of `patterns`, folded. */
export function nameMatcher(patterns: readonly string[]): (name: string) => boolean {
  const exact = new Set<string>();
  const prefixes: string[] = [];
  for (const pattern of patterns.map(foldedName)) {
    if (pattern.endsWith('*')) prefixes.push(pattern.slice(0, -1));
    else exact.add(pattern);
  }
  return (name) => {
    const folded = foldedName(name);
    return exact.has(folded) || prefixes.some((prefix) => folded.startsWith(prefix));
  };
}
