// Hosts and URLs in the policy file, by a grammar narrower than the URL standard's: what is refused here cannot be read
// two ways later (no user part, no query, no fragment, no escapes in the host).

export interface WebAddress {
  readonly secure: boolean;
  /** Lower case, IPv6 without its brackets. */
  readonly host: string;
  /** Null: the scheme's own. */
  readonly port: number | null;
  /** As it is written, from its first slash on; empty where there is none. */
  readonly path: string;
}

const URL_PATTERN =
  /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?(\/[!-"$->@-~]*)?$/i;
const HOST_PORT_PATTERN = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+):(\d{1,5})$/i;

/** An absolute http or https URL without user, query or fragment; null for anything else. */
export function webAddress(url: string): WebAddress | null {
  const match = URL_PATTERN.exec(url);
  if (match === null) return null;
  const [, scheme = '', host = '', digits, path = ''] = match;
  if (host.startsWith('[') && !host.includes(':')) return null;
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  return { secure: scheme.toLowerCase() === 'https', host: bare(host), port, path };
}

/** `host:port` or `[v6]:port`; null for anything else. */
export function hostPort(address: string): { readonly host: string; readonly port: number } | null {
  const match = HOST_PORT_PATTERN.exec(address);
  if (match === null || match[1] === undefined) return null;
  const port = Number(match[2]);
  return port >= 1 && port <= 65_535 ? { host: bare(match[1]), port } : null;
}

/** This machine and nothing else: plaintext towards it crosses no network. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '').toLowerCase();
}
