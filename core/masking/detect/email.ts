// E-mail addresses (RFC 5322 dot-atom, RFC 6531 for other scripts, `%40` as URLs write it) and passwords in URLs
// (RFC 3986, section 3.2.1). An address is looked for left and right of its at sign, never across another one.
import { isDigit, type Sink } from './candidate.ts';

const MAX_LOCAL = 64;
const MAX_DOMAIN = 253;
const MAX_USERINFO = 512;

export function findEmails(text: string, from: number, sink: Sink): void {
  let plain = text.indexOf('@', from);
  let encoded = text.indexOf('%40', from);
  while (plain >= 0 || encoded >= 0) {
    const isPlain = encoded < 0 || (plain >= 0 && plain < encoded);
    const at = isPlain ? plain : encoded;
    takeEmail(text, at, at + (isPlain ? 1 : 3), sink);
    if (isPlain) plain = text.indexOf('@', at + 1);
    else encoded = text.indexOf('%40', at + 3);
  }
}

const LOCAL = 1;
const HOST = 2;
/** Touches an address more often than it belongs to it. */
const TOUCHES = 4;
const ENDS_AUTHORITY = 8;
const KINDS = new Uint8Array(0x80);

function mark(characters: string, kind: number): void {
  for (let at = 0; at < characters.length; at += 1) {
    const code = characters.charCodeAt(at);
    KINDS[code] = (KINDS[code] ?? 0) | kind;
  }
}
mark('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.', LOCAL | HOST);
mark("!#$%&'*+/=?^_`{|}~", LOCAL);
mark("/=?'`{|}&", TOUCHES);
mark(' \t\n\v\f\r/?#"\'<>', ENDS_AUTHORITY);

/** Above ASCII everything may stand in an address (RFC 6531). */
function isKind(code: number, kind: number): boolean {
  return code > 0x7f ? (kind & (LOCAL | HOST)) !== 0 : ((KINDS[code] ?? 0) & kind) !== 0;
}

function takeEmail(text: string, at: number, after: number, sink: Sink): void {
  let end = after;
  while (end < text.length && end - after < MAX_DOMAIN && isKind(text.charCodeAt(end), HOST))
    end += 1;
  while (end > after && '.-'.includes(text[end - 1] ?? '')) end -= 1;
  sink.tried();
  const domain = text.slice(after, end);
  const dot = domain.lastIndexOf('.');
  const top = domain.slice(dot + 1);
  if (dot <= 0 || top.length < 2 || domain.startsWith('-') || domain.includes('..')) return;
  // A top-level domain has no digits, but for punycode.
  if (!/^xn--/i.test(top)) {
    for (let index = 0; index < top.length; index += 1) if (isDigit(top.charCodeAt(index))) return;
  }
  let start = at;
  while (start > 0 && at - start < MAX_LOCAL && isKind(text.charCodeAt(start - 1), LOCAL)) {
    if (isKind(text.charCodeAt(start - 1), TOUCHES)) break;
    start -= 1;
  }
  while (start < at && text[start] === '.') start += 1;
  if (start === at || text[at - 1] === '.') return;
  sink.emit({
    detector: 'email',
    start,
    end,
    confidence: isRemote(text, start, at, end) ? 0.3 : 0.95,
  });
}

/** `git@host:path`, scp's way of naming a file. */
function isRemote(text: string, start: number, at: number, end: number): boolean {
  return text[end] === ':' && text.slice(start, at) === 'git';
}

/** Forward from `://` to the end of the authority: the last at sign ends the password, whatever it contains. */
export function findUrlPasswords(text: string, from: number, sink: Sink): void {
  for (let at = text.indexOf('://', from); at >= 0; at = text.indexOf('://', at + 3)) {
    const begin = at + 3;
    let colon = -1;
    let sign = -1;
    for (let next = begin; next < text.length && next - begin < MAX_USERINFO; next += 1) {
      const code = text.charCodeAt(next);
      if (isKind(code, ENDS_AUTHORITY)) break;
      if (code === 0x3a && colon < 0) colon = next;
      if (code === 0x40) sign = next;
    }
    if (colon < 0 || sign <= colon + 1) continue;
    sink.emit({ detector: 'url_password', start: colon + 1, end: sign, confidence: 0.97 });
  }
}
