// IP addresses: dotted IPv4 (RFC 791 as everyone writes it) and IPv6 text form (RFC 4291, section 2.2).
import { eachMatch, isDigit, type Sink } from './candidate.ts';

const IPV4 =
  /(?<![\w.-])(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}(?![\w-])(?!\.\d)/g;
/** At most eight groups, seven colons and an IPv4 tail. */
const IPV6 = /(?<![\w.:])[0-9A-Fa-f:.]{3,45}(?![\w:])/g;

export function findAddresses(text: string, from: number, sink: Sink): void {
  eachMatch(IPV4, text, from, (match) => {
    const end = match.index + match[0].length;
    sink.emit({
      detector: 'ip',
      start: match.index,
      end,
      confidence: match[0] === '0.0.0.0' ? 0.3 : 0.65,
    });
    return end;
  });
  eachMatch(IPV6, text, from, (match) => {
    // A dozen letters of a hash, or a time of day: without two colons it is none.
    if (match[0].indexOf(':', match[0].indexOf(':') + 1) < 0) return match.index + match[0].length;
    sink.tried();
    const address = match[0].replace(/\.+$/, '').replace(/([^:]):$/, '$1');
    if (!isIpv6(address)) return null;
    const end = match.index + address.length;
    sink.emit({ detector: 'ip', start: match.index, end, confidence: 0.8 });
    return end;
  });
}

export function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  let digits = 0;
  for (const [half, side] of halves.entries()) {
    if (side === '') continue;
    const parts = side.split(':');
    for (const [index, part] of parts.entries()) {
      const last = half === halves.length - 1 && index === parts.length - 1;
      if (last && part.includes('.')) {
        if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(part)) return false;
        groups += 2;
      } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups += 1;
      else return false;
      for (let at = 0; at < part.length; at += 1) if (isDigit(part.charCodeAt(at))) digits += 1;
    }
  }
  // `dead::beef` is an address, `a::b` is more often code, and `::1` says nothing about anybody.
  if (halves.length === 2) return groups <= 7 && (groups >= 3 || (groups >= 2 && digits > 0));
  return groups === 8;
}
