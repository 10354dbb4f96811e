// How a target's credential is put on a request. Pure shaping: the secrets come from the Worker's own, are handed in by the
// session, and leave in the request alone. Everything a secret could look like on the wire is listed as well, so that it can
// be kept out of answers. Signing (SigV4) and fetching tokens (OAuth) are the session's; client-credentials.ts words the
// request for a token, which is then a bearer credential.
import { utf8 } from '../bytes.ts';
import type { Result } from '../failure.ts';
import { encodeBase64 } from '../base64.ts';
import { isHeaderName, isHeaderValue, type HeaderList } from './header-list.ts';
import { OVERRIDE_REQUEST_HEADERS, nameMatcher } from './header-tables.ts';
import { percentDecoded, percentEncoded } from './percent.ts';

/** What the policy says; secrets by the names of Worker secrets, never by value. */
export type CredentialKind =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  /** `value` may hold `{}` where the secret goes: `Token {}`. */
  | {
      readonly kind: 'header';
      readonly name: string;
      readonly secret: string;
      readonly value?: string;
    }
  | { readonly kind: 'query'; readonly parameter: string; readonly secret: string }
  | {
      readonly kind: 'sigv4';
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string;
      readonly region: string;
      readonly service: string;
    };

export type CredentialCode =
  | 'credential_missing' // no secret of that name
  | 'credential_malformed' // cannot stand where it has to: a line break at its end, most often
  | 'credential_name'; // the header or parameter it goes into cannot be one

export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  readonly region: string;
  readonly service: string;
}

export interface ShapedCredential {
  /** Set after the caller's headers were filtered with `own` holding their names. */
  readonly headers: HeaderList;
  readonly parameter: { readonly name: string; readonly value: string } | null;
  readonly signing: SigningKey | null;
  /** Every text under which a secret could be echoed. For filters only; never recorded. */
  readonly secrets: readonly string[];
}

/** Values by the name of their Worker secret. */
export type SecretValues = Readonly<Record<string, string>>;

/** Headers that frame or route a message; a credential in one of them would be another message. */
const UNUSABLE =
  /^(?:host|content-.*|transfer-encoding|connection|keep-alive|upgrade|via|expect|te|trailer|accept-encoding|range|if-.*|sec-websocket-.*)$/i;
const overrides = nameMatcher(OVERRIDE_REQUEST_HEADERS);
/** RFC 6750 section 2.1, `b64token`. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Whether a header of this name can hold a credential: not where it would frame, route or override the message. */
export function isCredentialHeader(name: string): boolean {
  return isHeaderName(name) && !UNUSABLE.test(name) && !overrides(name);
}

export function credentialHeaders(
  credential: CredentialKind,
  values: SecretValues,
): Result<ShapedCredential, CredentialCode> {
  switch (credential.kind) {
    case 'bearer': {
      const token = secret(values, credential.token);
      if (token === null) return failed('credential_missing');
      if (!TOKEN.test(token)) return failed('credential_malformed');
      return shaped([['authorization', `Bearer ${token}`]], [token]);
    }
    case 'basic': {
      const password = secret(values, credential.password);
      if (password === null) return failed('credential_missing');
      // RFC 7617 section 2: no colon in the user, no control characters in either.
      const bad = credential.user.includes(':') || /\p{Cc}/u.test(credential.user + password);
      if (bad || !password.isWellFormed()) return failed('credential_malformed');
      const pair = encodeBase64(utf8(`${credential.user}:${password}`));
      return shaped([['authorization', `Basic ${pair}`]], [password, pair]);
    }
    case 'header': {
      if (!isCredentialHeader(credential.name)) return failed('credential_name');
      const own = secret(values, credential.secret);
      if (own === null) return failed('credential_missing');
      const value = (credential.value ?? '{}').replaceAll('{}', () => own);
      if (!isHeaderValue(value) || !isHeaderValue(own)) return failed('credential_malformed');
      return shaped([[credential.name.toLowerCase(), value]], [own, value]);
    }
    case 'query': {
      const own = secret(values, credential.secret);
      if (own === null) return failed('credential_missing');
      if (!/^[\w.~$[\]-]{1,64}$/.test(credential.parameter)) return failed('credential_name');
      if (/\p{Cc}/u.test(own) || !own.isWellFormed()) return failed('credential_malformed');
      const parameter = { name: credential.parameter, value: own };
      return { ok: true, value: { headers: [], parameter, signing: null, secrets: echoes([own]) } };
    }
    case 'sigv4':
      return signing(credential, values);
    default:
      return failed('credential_malformed');
  }
}

export type WithParameter =
  | { readonly ok: true; readonly query: string }
  | { readonly ok: false; readonly code: 'query_credential' };

/**
 * The query to send, with the credential at its end; the caller's own stays to the letter before it. Refused where the
 * caller has a parameter of that name: servers differ in which one counts. `a[]` and `A` count as `a`.
 */
export function withCredentialParameter(
  query: string | null,
  parameter: { readonly name: string; readonly value: string },
): WithParameter {
  const taken = (query ?? '').split('&').some((piece) => {
    const name = percentDecoded((piece.split('=', 1)[0] ?? '').replaceAll('+', ' '));
    return name === null || plainName(name) === plainName(parameter.name);
  });
  if (taken) return { ok: false, code: 'query_credential' };
  const own = `${percentEncoded(parameter.name)}=${percentEncoded(parameter.value)}`;
  return { ok: true, query: query === null || query === '' ? own : `${query}&${own}` };
}

/** As PHP and its like bind names: without brackets, blanks at the front and case; `.` and blanks are `_`. */
function plainName(name: string): string {
  return name
    .trimStart()
    .replace(/\[.*$/s, '')
    .replaceAll(/[.\s-]/g, '_')
    .toLowerCase();
}

function signing(
  credential: CredentialKind & { readonly kind: 'sigv4' },
  values: SecretValues,
): Result<ShapedCredential, CredentialCode> {
  const { region, service } = credential;
  const accessKeyId = secret(values, credential.accessKeyId);
  const secretAccessKey = secret(values, credential.secretAccessKey);
  const { sessionToken: tokenName } = credential;
  const sessionToken = tokenName === undefined ? null : secret(values, tokenName);
  if (accessKeyId === null || secretAccessKey === null) return failed('credential_missing');
  if (tokenName !== undefined && sessionToken === null) return failed('credential_missing');
  const words = [accessKeyId, secretAccessKey, ...(sessionToken === null ? [] : [sessionToken])];
  if (!words.every((word) => TOKEN.test(word))) return failed('credential_malformed');
  if (!/^[a-z0-9-]+$/.test(region) || !/^[a-z0-9-]+$/i.test(service)) {
    return failed('credential_name');
  }
  return {
    ok: true,
    value: {
      headers: [],
      parameter: null,
      signing: { accessKeyId, secretAccessKey, sessionToken, region, service },
      // The key's id is in every signature and no secret; AWS itself answers with it.
      secrets: echoes([secretAccessKey, ...(sessionToken === null ? [] : [sessionToken])]),
    },
  };
}

/** Null for what is absent or empty: an empty secret would be a request without one. */
function secret(values: SecretValues, name: string): string | null {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  return value === undefined || value === '' ? null : value;
}

function shaped(
  headers: HeaderList,
  secrets: readonly string[],
): Result<ShapedCredential, CredentialCode> {
  return { ok: true, value: { headers, parameter: null, signing: null, secrets: echoes(secrets) } };
}

/** A secret as it is, in a URL, in a form, in JSON. */
function echoes(secrets: readonly string[]): readonly string[] {
  const forms = secrets.flatMap((text) => {
    const encoded = percentEncoded(text);
    const lower = encoded.replaceAll(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase());
    const form = encoded.replaceAll('%20', '+');
    return [
      text,
      encoded,
      lower,
      form,
      encodeURIComponent(text),
      JSON.stringify(text).slice(1, -1),
    ];
  });
  return [...new Set(forms)];
}

function failed(code: CredentialCode): Result<never, CredentialCode> {
  return { ok: false, error: code };
}
