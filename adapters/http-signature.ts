// AWS Signature Version 4 over a request as it is sent: method, path, query, host, body and the headers that AWS acts upon. The
// canonical form is aws4fetch's; what goes into it is chosen here. Headers that Cloudflare sets or changes on the way
// (accept-encoding, via, user-agent) are left out, since a signature over them would not hold.
// @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { AwsV4Signer } from 'aws4fetch';
import type { SigningKey } from '../core/http/credential.ts';
import type { HeaderList } from '../core/http/header-list.ts';
import { nativeCrypto } from './crypto.ts';
import { UpstreamFailure } from './http-failure.ts';

export interface Signable {
  readonly method: string;
  /** At the address that the target knows itself by, whatever the route. */
  readonly url: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

const SIGNED = /^(?:content-type|content-md5|x-amz-.*)$/;
/** What S3 takes in place of the body's hash; no other service does. */
const UNSIGNED = 'UNSIGNED-PAYLOAD';

export interface Signature {
  readonly headers: HeaderList;
  /** Whoever reads it can send the very same request until AWS finds it too old, 15 minutes later. */
  readonly secret: string;
}

/** @throws UpstreamFailure request_refused for a streamed body that the service wants to be signed */
export async function signature(key: SigningKey, request: Signable): Promise<Signature> {
  const { method, url, body } = request;
  const streamed = body !== null && !(body instanceof Uint8Array);
  if (streamed && key.service !== 's3') {
    throw new UpstreamFailure('request_refused', 'a streamed body cannot be signed', false);
  }
  const bytes = streamed || body === null ? new Uint8Array() : body;
  const signer = new AwsV4Signer({
    method,
    url,
    headers: [
      ...request.headers
        .filter(([name]) => SIGNED.test(name))
        .map(([name, value]) => [name, value]),
      ...(key.service === 's3'
        ? [['x-amz-content-sha256', streamed ? UNSIGNED : hex(nativeCrypto.sha256(bytes))]]
        : []),
    ] as [string, string][],
    body: bytes,
    accessKeyId: key.accessKeyId,
    secretAccessKey: key.secretAccessKey,
    ...(key.sessionToken === null ? {} : { sessionToken: key.sessionToken }),
    region: key.region,
    service: key.service,
    allHeaders: true,
  });
  const signed = await signer.sign();
  const own = ['authorization', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token'];
  const headers = own.flatMap((name) => {
    const value = signed.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  const secret = /Signature=([0-9a-f]{64})$/.exec(signed.headers.get('authorization') ?? '')?.[1];
  if (secret === undefined) throw new Error('a request without a signature');
  return { headers, secret };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
