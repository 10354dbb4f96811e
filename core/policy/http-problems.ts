// What a target of kind http must get right beyond its shape: an address that can be fetched and is nobody's metadata
// service, transport that keeps the credential, headers that the tables let a policy name.
import { isCredentialHeader } from '../http/credential.ts';
import { isHeaderName, isHeaderValue } from '../http/header-list.ts';
import {
  CREDENTIAL_RESPONSE_HEADERS,
  REQUEST_HEADERS,
  RESPONSE_HEADERS,
  headerTable,
  nameMatcher,
} from '../http/header-tables.ts';
import { normalisePath } from '../http/path.ts';
import type { TargetDocument } from './document.ts';
import { hostProblem } from './host-name.ts';
import type { DocumentProblem } from './problem.ts';
import { serviceAddress } from './service-address.ts';
import { transportProblem } from './surroundings.ts';
import { isLoopback, webAddress } from './web-address.ts';

type At = (...keys: (string | number)[]) => (string | number)[];

const requestTable = headerTable(REQUEST_HEADERS);
const responseTable = headerTable(RESPONSE_HEADERS);
const cookieHeader = nameMatcher(['cookie', 'cookie2', 'set-cookie', 'set-cookie2']);
const challengeHeader = nameMatcher(
  CREDENTIAL_RESPONSE_HEADERS.filter((name) => !cookieHeader(name)),
);

export function httpTargetProblems(
  target: TargetDocument,
  at: At,
  development: boolean,
): DocumentProblem[] {
  return [
    ...foreignKeys(target, at),
    ...addressProblems(target, at, development),
    ...credentialProblems(target, at, development),
    ...(target.http?.headers ?? []).flatMap((name, index) => {
      const message = headerProblem(name, target.credential);
      return message === null ? [] : [{ path: at('http', 'headers', index), message }];
    }),
    ...(target.http?.graphql ?? []).flatMap((path, index) => {
      const message = graphqlPathProblem(path);
      return message === null ? [] : [{ path: at('http', 'graphql', index), message }];
    }),
  ];
}

function foreignKeys(target: TargetDocument, at: At): DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  if (target.database !== undefined) {
    const message = 'is for targets of kind postgres: an http target has none';
    problems.push({ path: at('database'), message, atKey: true });
  }
  if (target.access === 'read-only') {
    const message =
      'read-only is for targets of kind postgres; a rule over http.method says what may be done here';
    problems.push({ path: at('access'), message });
  }
  if (target.via !== undefined && 'tcp' in target.via) {
    const message = 'tcp is for databases: without via, the address is fetched as it stands';
    problems.push({ path: at('via', 'tcp'), message, atKey: true });
  }
  return problems;
}

function addressProblems(target: TargetDocument, at: At, development: boolean): DocumentProblem[] {
  const address = serviceAddress(target.address);
  if (!address.ok) return [{ path: at('address'), message: address.error }];
  const { via } = target;
  const problems: DocumentProblem[] = [];
  if (via !== undefined && 'tunnel' in via) {
    const tunnel = webAddress(via.tunnel);
    const wrong = hostProblem(tunnel?.host ?? '');
    if (wrong !== null) problems.push({ path: at('via', 'tunnel'), message: wrong });
    if (!/^\/?$/.test(tunnel?.path ?? '')) {
      const message = 'is a host name without a path: the path stands in address';
      problems.push({ path: at('via', 'tunnel'), message });
    }
  }
  // Behind a tunnel or a VPC binding, the far end's own network carries it.
  const through = via !== undefined && !('tcp' in via);
  // It proves inside of TLS who asks: on the other ways, somebody else speaks TLS with the target.
  if (target.certificate !== undefined && (through || address.value.scheme !== 'https')) {
    const message = 'needs https straight to the address, without via';
    problems.push({ path: at('certificate'), message, atKey: true });
  }
  if (address.value.scheme === 'https' || through) return problems;
  if (!isLoopback(address.value.host)) {
    const message = 'must be https: plain http is for services behind a tunnel or a VPC';
    problems.push({ path: at('address'), message });
  } else if (!development) {
    const message = 'must be https: plain http to loopback is for development';
    problems.push({ path: at('address'), message });
  }
  return problems;
}

function credentialProblems(
  { credential }: TargetDocument,
  at: At,
  development: boolean,
): DocumentProblem[] {
  if (credential === undefined) return [];
  const path = (...keys: string[]) => at('credential', ...keys);
  if ('user' in credential) {
    const message =
      'an http target takes bearer, basic, header, query, sigv4 or oauth: {basic: {user, password}} for a user and a password';
    return [{ path: path(), message }];
  }
  if ('header' in credential) {
    const problems: DocumentProblem[] = [];
    if (!isCredentialHeader(credential.header)) {
      const message = `no credential can be sent in a header ${printed(credential.header)}`;
      problems.push({ path: path('header'), message });
    }
    if (!isHeaderValue(credential.value?.replaceAll('{}', 'x') ?? '')) {
      const message = 'must be what a header can hold, without blanks at its ends';
      problems.push({ path: path('value'), message });
    }
    return problems;
  }
  if ('oauth' in credential) {
    const { tokenUrl } = credential.oauth;
    const wrong = hostProblem(webAddress(tokenUrl)?.host ?? '');
    return [
      ...transportProblem(tokenUrl, path('oauth', 'tokenUrl'), development),
      ...(wrong === null ? [] : [{ path: path('oauth', 'tokenUrl'), message: wrong }]),
    ];
  }
  return [];
}

/** What naming a header cannot do, or need not; null for one that passes where it is named. */
function headerProblem(name: string, credential: TargetDocument['credential']): string | null {
  if (!isHeaderName(name) || name.includes('*')) return 'must be the name of one header';
  if (cookieHeader(name)) return 'cookies pass by http.cookies: true';
  if (challengeHeader(name)) return 'challenges pass by http.challenges: true';
  if (credential !== undefined && 'header' in credential) {
    if (nameMatcher([credential.header])(name)) {
      return 'is the header of the credential: the caller’s own never passes';
    }
  }
  const request = requestTable(name);
  const response = responseTable(name);
  if (request === 'unless' || response === 'unless') return null;
  if (request === 'refuse') return 'asks for another method or path than is judged: never passes';
  if (request === 'drop' || response === 'drop') return 'never passes, whatever the policy says';
  return 'passes without being named';
}

/** Paths are compared to the letter with those that are judged: only one in its normal form can be met. */
function graphqlPathProblem(path: string): string | null {
  const normal = normalisePath(path, { encodedDelimiters: true });
  if (!path.startsWith('/')) return 'must begin with a slash, below the address';
  if (!normal.ok) return `no request has such a path (${normal.code})`;
  if (normal.path !== path) return `is judged as ${normal.path}: write it so`;
  return path.length > 1 && path.endsWith('/')
    ? 'is meant with and without a slash at its end: leave it out'
    : null;
}

function printed(name: string): string {
  return isHeaderName(name) ? name : JSON.stringify(name);
}
