// The stand-in for HTTP targets as a test inside workerd reaches it: its addresses, a policy entry for it, requests to it.
import { inject } from 'vitest';
import type { UpstreamRequest } from '../../adapters/http-upstream.ts';
import type { HttpTarget } from '../../core/policy/policy.ts';
import type { Arrived } from '../support/http-target.ts';
import type { Echo } from '../support/http-target-answers.ts';

export function plainOrigin(): string {
  return `http://127.0.0.1:${inject('httpTargets').plainPort}`;
}

/** The one that speaks HTTP; `more` for another port, route or credential. */
export function httpTarget(more: Partial<HttpTarget> = {}): HttpTarget {
  return {
    id: 'shop-api',
    kind: 'http',
    labels: {},
    scheme: 'http',
    host: '127.0.0.1',
    port: inject('httpTargets').plainPort,
    base: '',
    route: { kind: 'tcp', tls: 'off', serverName: null },
    record: 'statements',
    credential: null,
    certificate: null,
    options: {
      cookies: false,
      challenges: false,
      headers: [],
      encodedDelimiters: false,
      graphql: [],
      webSocket: true,
    },
    ...more,
  };
}

/** The one that breaks HTTP. */
export function rawTarget(): HttpTarget {
  return httpTarget({ port: inject('httpTargets').rawPort });
}

export function get(path: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'GET',
    path,
    query: null,
    headers: [['accept-encoding', 'identity']],
    body: null,
    length: null,
    webSocket: false,
    signal: new AbortController().signal,
    ...more,
  };
}

/** A name under which the stand-in keeps what arrives, the header that says so, and what has arrived. */
export function place(): {
  readonly header: readonly [string, string];
  arrived(): Promise<readonly Arrived[]>;
} {
  const name = crypto.randomUUID();
  return {
    header: ['x-test-name', name],
    arrived: async () => (await fetch(`${plainOrigin()}/control/${name}`)).json(),
  };
}

export async function echoed({ body }: { readonly body: ReadableStream | null }): Promise<Echo> {
  return new Response(body).json();
}

/** The values of a header as the target saw them. */
export function seen(echo: Echo, name: string): readonly string[] {
  return echo.headers.filter(([own]) => own.toLowerCase() === name).map(([, value]) => value);
}
