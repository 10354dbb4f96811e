// What a policy file may say of the world around it: URLs that are safe to send secrets to, names of bindings that hold
// secrets and not the gateway's own, groups that some human can be in. Pure checks, used wherever such a value stands.
import type { PolicyDocument } from './document.ts';
import type { DocumentProblem } from './problem.ts';
import { isLoopback, webAddress } from './web-address.ts';

type Path = readonly (string | number)[];

/** Bindings and secrets of the Worker itself: a credential that named one would be no secret, or send it to a target. */
const RESERVED_BINDINGS: readonly string[] = [
  'DB',
  'RECORDINGS',
  'SESSION',
  'APPROVAL',
  'GRANT',
  'CALL',
  'QUOTA',
  'ASSETS',
  'POSTERN_ENV',
  'POSTERN_URL',
  'POSTERN_MASK_KEY',
  'SESSION_KEY',
];

/** Plain http is for loopback in development, and nothing else. */
export function transportProblem(url: string, path: Path, development: boolean): DocumentProblem[] {
  const address = webAddress(url);
  if (address === null || address.secure) return [];
  if (!isLoopback(address.host)) return [{ path, message: 'must be https' }];
  return development
    ? []
    : [{ path, message: 'must be https: plain http is for loopback in development' }];
}

export function bindingProblem(name: string, path: Path): DocumentProblem[] {
  return RESERVED_BINDINGS.includes(name)
    ? [{ path, message: `${name} is a binding of the gateway itself` }]
    : [];
}

/** Why no human could be in this group; null when one could. */
export function unapprovable(document: PolicyDocument, name: string): string | null {
  const humans = document.issuers.filter(({ kind }) => kind === 'human');
  if (humans.length === 0) return 'no issuer is of kind human, and only humans approve';
  const possible = humans.some(
    (issuer) => issuer.groupsFrom !== undefined || Object.hasOwn(issuer.groups, name),
  );
  return possible ? null : `no human issuer gives the group ${name}`;
}
