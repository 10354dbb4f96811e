// The names of secrets and bindings in a target of the file, with the place of each.
import type { TargetDocument } from './document.ts';

export interface NamedUse {
  readonly name: string;
  /** From the target on. */
  readonly path: readonly string[];
}

export function secretsOf({ credential, via }: TargetDocument): readonly NamedUse[] {
  const found: NamedUse[] = [];
  const add = (name: string | undefined, ...path: string[]) => {
    if (name !== undefined) found.push({ name, path });
  };
  if (via !== undefined && 'tunnel' in via) add(via.access, 'via', 'access');
  if (credential === undefined) return found;
  if ('user' in credential) add(credential.password, 'credential', 'password');
  if ('bearer' in credential) add(credential.bearer, 'credential', 'bearer');
  if ('basic' in credential) add(credential.basic.password, 'credential', 'basic', 'password');
  if ('secret' in credential) add(credential.secret, 'credential', 'secret');
  if ('sigv4' in credential) {
    const { accessKeyId, secretAccessKey, sessionToken } = credential.sigv4;
    add(accessKeyId, 'credential', 'sigv4', 'accessKeyId');
    add(secretAccessKey, 'credential', 'sigv4', 'secretAccessKey');
    add(sessionToken, 'credential', 'sigv4', 'sessionToken');
  }
  if ('oauth' in credential) {
    add(credential.oauth.clientSecret, 'credential', 'oauth', 'clientSecret');
  }
  return found;
}

/** `what` says what is bound: two kinds of binding under one name cannot both be there. */
export function bindingsOf({
  certificate,
  via,
}: TargetDocument): readonly (NamedUse & { readonly what: string })[] {
  return [
    ...(via !== undefined && 'vpc' in via
      ? [{ name: via.vpc, path: ['via', 'vpc'], what: 'a VPC binding' }]
      : []),
    ...(certificate === undefined
      ? []
      : [{ name: certificate, path: ['certificate'], what: 'a certificate binding' }]),
  ];
}
