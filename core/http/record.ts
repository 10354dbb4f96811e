// A request as the journal keeps it: what is sent, without the credential, and without values of headers in which services
// take keys and cookies, where a policy lets the caller's through.
import { REQUEST_HEADERS, foldedName, headerTable, nameMatcher } from './header-tables.ts';
import type { HeaderList } from './header-list.ts';

/** Of a path or query that was refused for what it is; nobody needs more of it, and it may be very long. Characters. */
const MAX_REFUSED_CHARS = 2_000;

const table = headerTable(REQUEST_HEADERS);
const SECRETIVE = /auth|token|secret|api-?key|cookie|signature|password|session/;
/** Of every request, and the gateway's own. */
const added = nameMatcher(['accept-encoding', 'via']);

/** Names in lower case; the value is empty where it may be a secret of the caller's. */
export function recordedHeaders(headers: HeaderList): HeaderList {
  return headers
    .filter(([name]) => !added(name))
    .map(([name, value]) => [
      name,
      table(name) === null && !SECRETIVE.test(foldedName(name)) ? value : '',
    ]);
}

/** What was asked for, where it was refused before it could be read. */
export function shortened(text: string): string {
  return text.length <= MAX_REFUSED_CHARS
    ? text
    : `${text.slice(0, MAX_REFUSED_CHARS).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
