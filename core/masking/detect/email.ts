// E-mail addresses (RFC 5322 dot-atom, RFC 6531 for other scripts, `%40` as URLs write it) and passwords in URLs
// (RFC 3986, section 3.2.1). An address is looked for left and right of its at sign, never across another one.
import { isAlphanumeric, isDigit, type Emit } from './candidate.ts';

const MAX_LOCAL = 64;
const MAX_DOMAIN = 253;
const MAX_USERINFO = 512;

export function findEmails(text: string, from: number, emit: Emit): void {
  let plain = text.indexOf('@', from);
  let encoded = text.indexOf('%40', from);
  while (plain >= 0 || encoded >= 0) {
    const isPlain = encoded < 0 || (plain >= 0 && plain < encoded);
    const at = isPlain ? plain : encoded;
    takeEmail(text, at, at + (isPlain ? 1 : 3), emit);
    if (isPlain) plain = text.indexOf('@', at + 1);
    else encoded = text.indexOf('%40', at + 3);
  }
}

function isLocal(code: number): boolean {
  return (
    isAlphanumeric(code) ||
    code > 0x7f ||
    "!#$%&'*+-/=?^_`{|}~.".includes(String.fromCharCode(code))
  );
}

function isHost(code: number): boolean {
  return isAlphanumeric(code) || code === 0x2d || code === 0x2e || code > 0x7f;
}

function takeEmail(text: string, at: number, after: number, emit: Emit): void {
  let start = at;
  while (start > 0 && at - start < MAX_LOCAL && isLocal(text.charCodeAt(start - 1))) start -= 1;
  // Quotes, slashes and assignments touch an address more often than they belong to it.
  for (let cut = at - 1; cut >= start; cut -= 1) {
    if ("/=?'`{|}&".includes(text[cut] ?? '')) start = cut + 1;
    else continue;
    break;
  }
  while (start < at && text[start] === '.') start += 1;
  if (start === at || text[at - 1] === '.') return;
  let end = after;
  while (end < text.length && end - after < MAX_DOMAIN && isHost(text.charCodeAt(end))) end += 1;
  while (end > after && '.-'.includes(text[end - 1] ?? '')) end -= 1;
  const domain = text.slice(after, end);
  const dot = domain.lastIndexOf('.');
  const top = domain.slice(dot + 1);
  if (dot <= 0 || top.length < 2 || domain.startsWith('-') || domain.includes('..')) return;
  // A top-level domain has no digits, but for punycode.
  if (!/^xn--/i.test(top)) {
    for (let index = 0; index < top.length; index += 1) if (isDigit(top.charCodeAt(index))) return;
  }
  emit({ detector: 'email', start, end, confidence: isRemote(text, start, at, end) ? 0.3 : 0.95 });
}

/** `git@host:path`, scp's way of naming a file. */
function isRemote(text: string, start: number, at: number, end: number): boolean {
  return text[end] === ':' && text.slice(start, at) === 'git';
}

/** Forward from `://` to the end of the authority: the last at sign ends the password, whatever it contains. */
export function findUrlPasswords(text: string, from: number, emit: Emit): void {
  for (let at = text.indexOf('://', from); at >= 0; at = text.indexOf('://', at + 3)) {
    const begin = at + 3;
    let colon = -1;
    let sign = -1;
    for (let next = begin; next < text.length && next - begin < MAX_USERINFO; next += 1) {
      const character = text[next] ?? '';
      if (/[\s/?#"'<>]/.test(character)) break;
      if (character === ':' && colon < 0) colon = next;
      if (character === '@') sign = next;
    }
    if (colon < 0 || sign <= colon + 1) continue;
    emit({ detector: 'url_password', start: colon + 1, end: sign, confidence: 0.95 });
  }
}
