// Secrets with a shape of their own: keys and tokens by their issuers' prefixes, JSON web tokens, private keys. The
// shapes are those the issuers publish or their secret-scanning partners use.
import { eachMatch, type Sink } from './candidate.ts';
import type { DetectorId } from './detector.ts';

interface Token {
  readonly detector: DetectorId;
  readonly pattern: RegExp;
}

interface Prefixed extends Token {
  /** First letters. */
  readonly starts: string;
}

/** Where one of TOKENS can begin: one pass for all of them. */
const PREFIX =
  /(?<![A-Za-z0-9])(?:A(?:KIA|SIA|BIA|CCA|Iza|GE-S)|GOCSPX-|ya29\.|gh[pousr]_|github_pat_|gl(?:pat|dt|rt|cbt|ptt|soat)-|xox[abeoprs]-|xapp-|[sr]k[_-]|whsec_|npm_|pypi-A|S(?:G\.|K[0-9a-f])|hf_|do[opr]_v|shp[acps])/g;

// The look-behind keeps starts apart, so that a long run of token characters is walked once and not from each prefix.
// prettier-ignore
const TOKENS: readonly Prefixed[] = [
  { detector: 'aws_key', starts: 'A', pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/y },
  { detector: 'gcp_key', starts: 'AGy', pattern: /(?<![\w-])(?:AIza[\w-]{35}|GOCSPX-[\w-]{28}|ya29\.[\w-]{20,512})(?![\w-])/y },
  { detector: 'github_token', starts: 'g', pattern: /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})(?![A-Za-z0-9])/y },
  { detector: 'gitlab_token', starts: 'g', pattern: /(?<![A-Za-z0-9])gl(?:pat|dt|rt|cbt|ptt|soat)-[\w-]{20,255}(?![A-Za-z0-9])/y },
  { detector: 'slack_token', starts: 'x', pattern: /(?<![A-Za-z0-9])(?:xox[abeoprs]-[A-Za-z0-9-]{11,255}|xapp-[A-Za-z0-9-]{11,255})(?![A-Za-z0-9])/y },
  { detector: 'stripe_key', starts: 'srw', pattern: /(?<![A-Za-z0-9])(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,255}|whsec_[A-Za-z0-9+/=]{24,128})(?![A-Za-z0-9])/y },
  { detector: 'anthropic_key', starts: 's', pattern: /(?<![A-Za-z0-9])sk-ant-[\w-]{20,255}(?![A-Za-z0-9])/y },
  { detector: 'openai_key', starts: 's', pattern: /(?<![A-Za-z0-9])sk-(?:(?:proj|svcacct|admin|None)-[\w-]{20,255}|[A-Za-z0-9]{32,64})(?![A-Za-z0-9])/y },
  { detector: 'npm_token', starts: 'n', pattern: /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/y },
  { detector: 'pypi_token', starts: 'p', pattern: /(?<![A-Za-z0-9])pypi-AgE[\w-]{50,1024}(?![A-Za-z0-9])/y },
  { detector: 'sendgrid_key', starts: 'S', pattern: /(?<![A-Za-z0-9])SG\.[\w-]{22}\.[\w-]{43}(?![\w-])/y },
  { detector: 'twilio_key', starts: 'S', pattern: /(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])/y },
  { detector: 'huggingface_token', starts: 'h', pattern: /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{34,64}(?![A-Za-z0-9])/y },
  { detector: 'digitalocean_token', starts: 'd', pattern: /(?<![A-Za-z0-9])do[opr]_v1_[a-f0-9]{64}(?![A-Za-z0-9])/y },
  { detector: 'shopify_token', starts: 's', pattern: /(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}(?![A-Za-z0-9])/y },
  { detector: 'age_key', starts: 'A', pattern: /(?<![A-Za-z0-9])AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}(?![A-Za-z0-9])/y },
];

interface Unprefixed extends Token {
  /** Stands in each of them. */
  readonly has: string;
}

// prettier-ignore
const UNPREFIXED: readonly Unprefixed[] = [
  { detector: 'azure_key', has: '==', pattern: /(?<![A-Za-z0-9+/-])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])/g },
  { detector: 'slack_token', has: 'hooks.slack.com/', pattern: /hooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9+/]{20,128}/g },
  { detector: 'telegram_token', has: ':AA', pattern: /(?<![A-Za-z0-9])\d{8,10}:AA[\w-]{33}(?![\w-])/g },
];

/** By the first letter, with the place in TOKENS. */
const BY_FIRST = new Map<string, readonly number[]>();
for (const [at, { starts }] of TOKENS.entries()) {
  for (const letter of starts) BY_FIRST.set(letter, [...(BY_FIRST.get(letter) ?? []), at]);
}

export function findTokens(
  text: string,
  from: number,
  wanted: ReadonlySet<DetectorId>,
  sink: Sink,
): void {
  findPrefixed(text, from, wanted, sink);
  for (const { detector, pattern, has } of UNPREFIXED) {
    if (!wanted.has(detector) || !text.includes(has, from)) continue;
    eachMatch(pattern, text, from, (match) => {
      const end = match.index + match[0].length;
      sink.emit({ detector, start: match.index, end, confidence: 0.95 });
      return end;
    });
  }
  if (wanted.has('jwt')) findWebTokens(text, from, sink);
  if (wanted.has('private_key')) findPrivateKeys(text, from, sink);
}

function findPrefixed(
  text: string,
  from: number,
  wanted: ReadonlySet<DetectorId>,
  sink: Sink,
): void {
  PREFIX.lastIndex = from;
  let until = from;
  for (let match = PREFIX.exec(text); match !== null; match = PREFIX.exec(text)) {
    const start = match.index;
    PREFIX.lastIndex = start + 1;
    if (start < until) continue;
    for (const at of BY_FIRST.get(match[0][0] ?? '') ?? []) {
      const token = TOKENS[at];
      if (token === undefined || !wanted.has(token.detector)) continue;
      sink.tried();
      token.pattern.lastIndex = start;
      const value = token.pattern.exec(text)?.[0];
      if (value === undefined) continue;
      const { detector } = token;
      until = start + value.length;
      sink.emit({ detector, start, end: until, confidence: 0.95 });
    }
  }
}

/** RFC 7515 compact form; with five parts RFC 7516. */
const WEB_TOKEN =
  /(?<![\w-])eyJ[\w-]{13,2048}\.[\w-]{4,8192}\.[\w-]{0,2048}(?:\.[\w-]{2,8192}\.[\w-]{2,128})?/g;

function findWebTokens(text: string, from: number, sink: Sink): void {
  eachMatch(WEB_TOKEN, text, from, (match) => {
    const header = decodeBase64Url(match[0].slice(0, match[0].indexOf('.')));
    const end = match.index + match[0].length;
    sink.tried();
    if (!/"(?:alg|enc|typ|kid|zip)"\s*:/.test(header)) return null;
    sink.emit({ detector: 'jwt', start: match.index, end, confidence: 0.99 });
    return end;
  });
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Enough of RFC 4648 for a header in ASCII. */
function decodeBase64Url(text: string): string {
  let decoded = '';
  let bits = 0;
  let size = 0;
  for (let at = 0; at < text.length; at += 1) {
    bits = ((bits << 6) | BASE64URL.indexOf(text[at] ?? '')) & 0xffff;
    size += 6;
    if (size < 8) continue;
    size -= 8;
    decoded += String.fromCharCode((bits >> size) & 0xff);
  }
  return decoded;
}

/** PEM (RFC 7468), OpenSSH and PGP armour. */
const KEY_HEADER = /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/y;
const KEY_END = /-----END [A-Z0-9 ]{1,60}-----/y;
/** A 16,384-bit RSA key in PEM has some 12 KiB. */
export const MAX_PRIVATE_KEY = 16_384;

function findPrivateKeys(text: string, from: number, sink: Sink): void {
  let at = text.indexOf('-----BEGIN ', from);
  while (at >= 0) {
    KEY_HEADER.lastIndex = at;
    const header = KEY_HEADER.exec(text);
    if (header === null) {
      at = text.indexOf('-----BEGIN ', at + 1);
      continue;
    }
    const end = keyEnd(text, at, at + header[0].length);
    sink.emit({ detector: 'private_key', start: at, end, confidence: 0.99 });
    at = text.indexOf('-----BEGIN ', end);
  }
}

/** Behind the END line, or behind what can be a key's body where that line is missing. */
function keyEnd(text: string, start: number, from: number): number {
  const limit = Math.min(text.length, start + MAX_PRIVATE_KEY);
  let end = from;
  while (end < limit && isBody(text.charCodeAt(end))) {
    if (text.charCodeAt(end) === 0x2d && text.startsWith('-----', end)) {
      KEY_END.lastIndex = end;
      const footer = KEY_END.exec(text);
      return footer === null ? end : end + footer[0].length;
    }
    end += 1;
  }
  return end;
}

/** Base64, white space (written `\n` in JSON) and the header lines of encrypted keys. */
function isBody(code: number): boolean {
  return (
    (code >= 0x2b && code <= 0x3a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    '=\\ \t\r\n'.includes(String.fromCharCode(code))
  );
}
