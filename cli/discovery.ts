// What a gateway says about logging in to it: GET /.well-known/postern, made by worker/routes/discovery.ts.
import { z } from 'zod';
import { CliError, EXIT } from './failure.ts';
import { requestAnonymously } from './gateway.ts';
import { printable } from './problem.ts';

const discoverySchema = z.object({
  gateway: z.string(),
  issuers: z.array(
    z.object({
      id: z.string(),
      issuer: z.url(),
      clientId: z.string(),
      scopes: z.array(z.string()),
      audience: z.string(),
    }),
  ),
});

export type Discovery = z.infer<typeof discoverySchema>;
export type LoginIssuer = Discovery['issuers'][number];

/** @throws CliError failed, when the answer is not a gateway's */
export async function discover(): Promise<Discovery> {
  const response = await requestAnonymously('/.well-known/postern');
  const parsed = discoverySchema.safeParse(await response.json().catch(() => null));
  if (!parsed.success) {
    throw new CliError(
      EXIT.failed,
      'The answer is not that of a Postern gateway.',
      'Check the URL.',
    );
  }
  return parsed.data;
}

/** The issuer to log in at: the one named, else the only one. */
export function chooseIssuer(discovery: Discovery, id: string | undefined): LoginIssuer {
  const ids = printable(discovery.issuers.map((issuer) => issuer.id).join(', '));
  if (ids === '') {
    throw new CliError(EXIT.failed, 'This gateway has no issuer that people can log in at.');
  }
  if (id === undefined && discovery.issuers.length > 1) {
    throw new CliError(
      EXIT.usage,
      'This gateway has several issuers.',
      `Give --issuer, one of: ${ids}`,
    );
  }
  const issuer = discovery.issuers.find((issuer) => id === undefined || issuer.id === id);
  if (!issuer) {
    throw new CliError(EXIT.usage, `This gateway has no issuer «${id ?? ''}».`, `It has: ${ids}`);
  }
  return issuer;
}
