// Hosts that an HTTP target may have: names and addresses with one reading, and none at which a cloud keeps its own secrets.
// fetch reads hosts as browsers do (WHATWG URL, "host parser"), where 0xA9FEA9FE and 2852039166 are 169.254.169.254; here
// an address is written in its usual form or not at all. What a name resolves to is not known at load.

/** Where clouds answer whoever asks from inside, the gateway's far end among them; link-local ranges are below. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
]);
const METADATA_ADDRESSES: ReadonlySet<string> = new Set([
  '100.100.100.200', // Alibaba Cloud
  '168.63.129.16', // Azure
  '192.0.0.192', // Oracle Cloud
]);
/** AWS (instance metadata, ECS) and Google Cloud, as groups of 16 bits. */
const METADATA_V6: ReadonlySet<string> = new Set([
  'fd00:ec2:0:0:0:0:0:254',
  'fd20:ce:0:0:0:0:0:254',
]);

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const V4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;

/** What is wrong with a host as web-address.ts gives it (lower case, no brackets); null when nothing is. */
export function hostProblem(host: string): string | null {
  if (host.includes(':')) {
    const groups = v6Groups(host);
    return groups === null ? 'is no IPv6 address' : v6Problem(groups);
  }
  const labels = host.split('.');
  if (host.length > 253 || !labels.every((label) => LABEL.test(label))) {
    return 'has a host that is no name: labels of a-z, 0-9 and - between single dots';
  }
  // The URL standard reads a host whose last label is a number as an IPv4 address, in whatever base.
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) {
    const numbers = labels.map(Number);
    if (!V4.test(host) || numbers.some((number) => number > 255)) {
      return 'has an address that is not written as four decimal numbers';
    }
    return v4Problem(numbers);
  }
  return METADATA_NAMES.has(host) ? REFUSED : null;
}

const REFUSED = 'names a link-local or metadata address, which no target may have';
const NOWHERE = 'names an address that is no single host';

function v4Problem(numbers: readonly number[]): string | null {
  const [first = 0, second = 0] = numbers;
  if (first === 169 && second === 254) return REFUSED;
  if (METADATA_ADDRESSES.has(numbers.join('.'))) return REFUSED;
  // 0.0.0.0/8 reaches the machine itself on many systems; 224.0.0.0/3 is multicast, reserved and broadcast.
  return first === 0 || first >= 224 ? NOWHERE : null;
}

function v6Problem(groups: readonly number[]): string | null {
  const [first = 0] = groups;
  if ((first & 0xffc0) === 0xfe80) return REFUSED;
  if (METADATA_V6.has(groups.map((group) => group.toString(16)).join(':'))) return REFUSED;
  if (groups.every((group) => group === 0) || first >= 0xff00) return NOWHERE;
  const inner = embeddedV4(groups);
  return inner === null ? null : v4Problem(inner);
}

/** The IPv4 address that an IPv6 one leads to: mapped, compatible, translated (RFC 6052), 6to4 (RFC 3056); null for others. */
function embeddedV4(groups: readonly number[]): readonly number[] | null {
  const zeros = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  const [first, second, third] = groups;
  // ::1 is loopback and no IPv4 address.
  if (zeros(0, 7) && groups[7] === 1) return null;
  if (first === 0x2002) return bytes([second, third]);
  const tail = bytes(groups.slice(6));
  if (zeros(0, 6) || (zeros(0, 5) && groups[5] === 0xffff)) return tail;
  if (zeros(0, 4) && groups[4] === 0xffff && groups[5] === 0) return tail;
  if (first === 0x64 && second === 0xff9b) return tail;
  return null;
}

function bytes(groups: readonly (number | undefined)[]): readonly number[] {
  return groups.flatMap((group = 0) => [group >> 8, group & 0xff]);
}

/** The eight groups of an IPv6 address (RFC 4291 section 2.2); null for what is none. */
function v6Groups(text: string): readonly number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const parts = halves.map((half) => (half === '' ? [] : half.split(':')));
  const groups = parts.map((part, index) => groupsOf(part, index === parts.length - 1));
  const [head, tail] = groups;
  if (head === undefined || head === null || tail === null) return null;
  if (tail === undefined) return head.length === 8 ? head : null;
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? null : [...head, ...Array<number>(missing).fill(0), ...tail];
}

function groupsOf(parts: readonly string[], last: boolean): readonly number[] | null {
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const numbers = part.split('.').map(Number);
    const dotted = last && index === parts.length - 1 && V4.test(part);
    if (!dotted || numbers.some((number) => number > 255)) return null;
    const [a = 0, b = 0, c = 0, d = 0] = numbers;
    groups.push(a * 256 + b, c * 256 + d);
  }
  return groups;
}
