// The address of an HTTP service: scheme, host, port and the path under which it lives, each with one reading. The path is
// core/http/path.ts's, so that what is put in front of a caller's path is as clean as that.
import { normalisePath } from '../http/path.ts';
import type { Result } from '../failure.ts';
import { hostProblem } from './host-name.ts';
import { webAddress } from './web-address.ts';

export interface ServiceAddress {
  readonly scheme: 'https' | 'http';
  /** Lower case, IPv6 without its brackets. */
  readonly host: string;
  readonly port: number;
  /** In its normal form, without a slash at its end: empty, or `/api/v2`. */
  readonly base: string;
}

/** The error is what follows on "the address". */
export function serviceAddress(text: string): Result<ServiceAddress, string> {
  const address = webAddress(text);
  if (address === null) {
    return failed('must be an http or https URL without user, query or fragment');
  }
  const { secure, host, port, path } = address;
  const wrong = hostProblem(host);
  if (wrong !== null) return failed(wrong);
  const normal = normalisePath(path);
  if (!normal.ok) return failed(`has a path that no target can have (${normal.code})`);
  return {
    ok: true,
    value: {
      scheme: secure ? 'https' : 'http',
      host,
      port: port ?? (secure ? 443 : 80),
      base: normal.path.replace(/\/$/, ''),
    },
  };
}

function failed(error: string): Result<never, string> {
  return { ok: false, error };
}
