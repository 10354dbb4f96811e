import { describe, expect, it } from 'vitest';
import { hostProblem } from '../../../core/policy/host-name.ts';
import { serviceAddress } from '../../../core/policy/service-address.ts';

const REFUSED = 'names a link-local or metadata address, which no target may have';
const SPELLING = 'has an address that is not written as four decimal numbers';
const NOWHERE = 'names an address that is no single host';
const NAME = 'has a host that is no name';

describe('hosts that a target may have', () => {
  it.each([
    ['api.acme.dev'],
    ['localhost'],
    ['127.0.0.1'],
    ['10.0.0.5'],
    ['100.100.100.201'],
    ['::1'],
    ['fd00::5'],
    ['2001:db8::1'],
    ['::ffff:10.0.0.5'],
    ['64:ff9b::a00:5'],
    ['xn--bcher-kva.example'],
    ['a_b.internal'],
    ['169-254-169-254.example'],
  ])('%s', (host) => {
    expect(hostProblem(host)).toBeNull();
  });
});

describe('hosts that none may have', () => {
  it.each([
    ['169.254.169.254', REFUSED],
    ['169.254.170.2', REFUSED],
    ['169.254.0.1', REFUSED],
    ['100.100.100.200', REFUSED],
    ['168.63.129.16', REFUSED],
    ['192.0.0.192', REFUSED],
    ['metadata.google.internal', REFUSED],
    ['metadata', REFUSED],
    ['instance-data.ec2.internal', REFUSED],
    ['fd00:ec2::254', REFUSED],
    ['fd00:0ec2:0:0::0254', REFUSED],
    ['fd20:ce::254', REFUSED],
    ['fe80::1', REFUSED],
    ['febf::1', REFUSED],
    ['::ffff:169.254.169.254', REFUSED],
    ['::ffff:a9fe:a9fe', REFUSED],
    ['::ffff:0:a9fe:a9fe', REFUSED],
    ['::169.254.169.254', REFUSED],
    ['64:ff9b::a9fe:a9fe', REFUSED],
    ['2002:a9fe:a9fe::1', REFUSED],
    ['0:0:0:0:0:ffff:a9fe:a9fe', REFUSED],
    // Everything below is 169.254.169.254 or 127.0.0.1 to a URL parser.
    ['2852039166', SPELLING],
    ['0xa9fea9fe', SPELLING],
    ['0xa9.0xfe.0xa9.0xfe', SPELLING],
    ['0251.0376.0251.0376', SPELLING],
    ['169.254.43518', SPELLING],
    ['169.16689662', SPELLING],
    ['127.1', SPELLING],
    ['169.254.169.0254', SPELLING],
    ['169.254.169.0xfe', SPELLING],
    ['0x', SPELLING],
    ['1.2.3.256', SPELLING],
    ['1.2.3.4.5', SPELLING],
    ['0.0.0.0', NOWHERE],
    ['0.1.2.3', NOWHERE],
    ['255.255.255.255', NOWHERE],
    ['224.0.0.1', NOWHERE],
    ['::', NOWHERE],
    ['ff02::1', NOWHERE],
    ['169.254.169.254.', NAME],
    ['metadata.google.internal.', NAME],
    ['a..b', NAME],
    ['.a', NAME],
    ['-a.b', NAME],
    ['', NAME],
    [':', 'is no IPv6 address'],
    ['1::2::3', 'is no IPv6 address'],
    ['1:2:3:4:5:6:7', 'is no IPv6 address'],
    ['1:2:3:4:5:6:7:8:9', 'is no IPv6 address'],
    ['::1.2.3.256', 'is no IPv6 address'],
    ['1.2.3.4::', 'is no IPv6 address'],
    ['12345::', 'is no IPv6 address'],
  ])('%s', (host, problem) => {
    expect(hostProblem(host)).toContain(problem);
  });

  it('agrees with the URL parser on what is an IPv4 address, whatever it is written as', () => {
    const parts = ['169', '0xa9', '0251', '254', '0xfe', '1', '43518', '0x', '08', 'a', '1a'];
    const hosts = parts.flatMap((a) => [a, ...parts.flatMap((b) => [`${a}.${b}`, `x.${a}.${b}`])]);
    const read = (host: string) => {
      try {
        return new URL(`https://${host}/`).hostname;
      } catch {
        return null;
      }
    };
    for (const host of hosts) {
      const address = read(host);
      const other = address === null || (address !== host && /^\d+(?:\.\d+){3}$/.test(address));
      if (other) expect([host, hostProblem(host)]).not.toEqual([host, null]);
    }
  });
});

describe('the address of a service', () => {
  it.each([
    ['https://api.acme.dev', { scheme: 'https', host: 'api.acme.dev', port: 443, base: '' }],
    ['https://api.acme.dev/', { scheme: 'https', host: 'api.acme.dev', port: 443, base: '' }],
    ['HTTPS://API.acme.dev:8443/api/v2/', { host: 'api.acme.dev', port: 8443, base: '/api/v2' }],
    ['http://[::1]:8080/%41', { scheme: 'http', host: '::1', port: 8080, base: '/A' }],
    ['http://10.0.0.5', { scheme: 'http', port: 80 }],
  ])('%s', (text, parts) => {
    expect(serviceAddress(text)).toMatchObject({ ok: true, value: parts });
  });

  it.each([
    ['api.acme.dev:443', 'must be an http or https URL'],
    ['ftp://api.acme.dev', 'must be an http or https URL'],
    ['https://user@api.acme.dev', 'must be an http or https URL'],
    ['https://user:pass@api.acme.dev/', 'must be an http or https URL'],
    ['https://api.acme.dev/?a=1', 'must be an http or https URL'],
    ['https://api.acme.dev/#a', 'must be an http or https URL'],
    ['https://api.acme.dev:0/', 'must be an http or https URL'],
    ['https://api.acme.dev:65536/', 'must be an http or https URL'],
    ['https://api.acme.dev\\@evil.example/', 'must be an http or https URL'],
    ['https://[169.254.169.254]/', 'must be an http or https URL'],
    [' https://api.acme.dev', 'must be an http or https URL'],
    ['https://api.acme.dev/a/../b', 'has a path that no target can have (path_dot_segment)'],
    ['https://api.acme.dev/%2e%2e/b', '(path_encoded_dot)'],
    ['https://api.acme.dev//b', '(path_empty_segment)'],
    ['https://api.acme.dev/a%2Fb', '(path_encoded_delimiter)'],
    ['https://api.acme.dev/a;b', '(path_parameter)'],
    ['https://2852039166/', SPELLING],
  ])('%s is refused', (text, problem) => {
    const read = serviceAddress(text);
    expect(read.ok ? 'accepted' : read.error).toContain(problem);
  });
});
