// What a target in the file must get right beyond its shape: what its kind has and has not, an address with one reading,
// transport that production allows, secrets that are secrets. What is peculiar to HTTP is http-problems.ts's.
import type { PolicyDocument, TargetDocument } from './document.ts';
import { httpTargetProblems } from './http-problems.ts';
import { mcpTargetProblems } from './mcp-problems.ts';
import type { DocumentProblem } from './problem.ts';
import { bindingProblem, transportProblem } from './surroundings.ts';
import { bindingsOf, secretsOf } from './target-secrets.ts';
import { hostPort, isLoopback } from './web-address.ts';

type At = (...keys: (string | number)[]) => (string | number)[];

export function targetProblems(document: PolicyDocument, development: boolean): DocumentProblem[] {
  return [
    ...document.targets.flatMap((target, index) => {
      const at: At = (...keys) => ['targets', index, ...keys];
      return [
        ...kindProblems(target, at, development),
        ...tunnelProblems(target, at, development),
        ...[...secretsOf(target), ...bindingsOf(target)].flatMap(({ name, path }) =>
          bindingProblem(name, at(...path)),
        ),
      ];
    }),
    ...sharedNames(document),
  ];
}

function kindProblems(target: TargetDocument, at: At, development: boolean): DocumentProblem[] {
  switch (target.kind) {
    case 'postgres':
      return postgresProblems(target, at, development);
    case 'http':
      return [...httpTargetProblems(target, at, development), ...mcpKey(target, at)];
    case 'mcp':
      return mcpTargetProblems(target, at, development);
    default:
      return []; // unenforced.ts refuses them
  }
}

function postgresProblems(target: TargetDocument, at: At, development: boolean): DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  const { via, credential, database } = target;
  if (database === undefined) {
    problems.push({ path: at(), message: 'a postgres target names its database' });
  }
  if (credential === undefined) {
    problems.push({ path: at(), message: 'a postgres target names its credential' });
  } else if (!('user' in credential)) {
    const message = 'a postgres target logs in with {user, password}';
    problems.push({ path: at('credential'), message });
  }
  if (target.http !== undefined) {
    problems.push({ path: at('http'), message: 'is for targets of kind http', atKey: true });
  }
  problems.push(...mcpKey(target, at));
  if (target.certificate !== undefined) {
    problems.push({
      path: at('certificate'),
      message: 'is for targets of kind http and mcp',
      atKey: true,
    });
  }
  const address = hostPort(target.address);
  if (address === null) return [...problems, { path: at('address'), message: 'must be host:port' }];
  const loopback = isLoopback(address.host);
  const plain = via === undefined ? loopback : 'tcp' in via && via.tcp.tls === 'off';
  if (plain && !loopback) {
    const message = 'off is for loopback addresses: use verify-full, a tunnel or a VPC';
    problems.push({ path: at('via', 'tcp', 'tls'), message });
  } else if (plain && !development) {
    problems.push({ path: at('address'), message: 'plaintext to loopback is for development' });
  }
  return problems;
}

function mcpKey(target: TargetDocument, at: At): DocumentProblem[] {
  if (target.mcp === undefined) return [];
  return [{ path: at('mcp'), message: 'is for targets of kind mcp', atKey: true }];
}

function tunnelProblems({ via }: TargetDocument, at: At, development: boolean): DocumentProblem[] {
  if (via === undefined || !('tunnel' in via)) return [];
  return transportProblem(via.tunnel, at('via', 'tunnel'), development);
}

/** A binding is an object and a secret a text: what is both in the file would be missing where one of them is looked up. */
function sharedNames(document: PolicyDocument): DocumentProblem[] {
  const named = document.targets.flatMap((target, index) => [
    ...secretsOf(target).map((use) => ({ ...use, index, what: 'a secret' })),
    ...bindingsOf(target).map((use) => ({ ...use, index })),
  ]);
  return named.flatMap(({ name, path, index, what }, place) => {
    const other = named.slice(0, place).find((use) => use.name === name && use.what !== what);
    if (other === undefined) return [];
    const message = `${name} is ${other.what} of target ${document.targets[other.index]?.id ?? ''}, and cannot be ${what} too`;
    return [{ path: ['targets', index, ...path], message }];
  });
}
