// MD5 password authentication towards the target: weak by today's standards, still what older servers ask for.
// @see auth-password, protocol-message-formats AuthenticationMD5Password
import { toHex, utf8 } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';

/** `md5` and hex of md5(hex of md5(password, user), salt). */
export function md5Answer(
  crypto: Crypto,
  user: string,
  password: string,
  salt: Uint8Array,
): Uint8Array {
  const inner = toHex(crypto.md5(utf8(password), utf8(user)));
  return utf8(`md5${toHex(crypto.md5(utf8(inner), salt))}`);
}
