// Where an HTTP target stands: its origin, and the place at the gateway that stands for it.
import type { Mount } from './location.ts';

/** What of a target's entry in the policy this takes. */
export interface Place {
  readonly id: string;
  readonly scheme: 'https' | 'http';
  readonly host: string;
  readonly port: number;
  readonly base: string;
  readonly options: { readonly encodedDelimiters: boolean };
}

const DEFAULT_PORTS = { https: 443, http: 80 } as const;

/** `api.acme.dev`, `api.acme.dev:8443`: as the Host header has it, and as rules see it. */
export function authorityOf({ scheme, host, port }: Place): string {
  return port === DEFAULT_PORTS[scheme] ? host : `${host}:${port}`;
}

export function originOf(place: Place): string {
  return `${place.scheme}://${authorityOf(place)}`;
}

export function mountOf(place: Place, credentialParameter: string | null): Mount {
  return {
    origin: originOf(place),
    base: place.base,
    prefix: `/http/${place.id}`,
    paths: { encodedDelimiters: place.options.encodedDelimiters },
    credentialParameter,
  };
}
