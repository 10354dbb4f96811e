// `postern token` and `postern whoami`: what would be sent to the gateway now, whatever source it comes from.
import { Command } from 'commander';
import { printable } from './problem.ts';
import { currentToken } from './token-source.ts';
import { unverifiedClaims } from './token.ts';

export function tokenCommand(): Command {
  return new Command('token')
    .description('print a valid token, for curl and the like')
    .option('--json', 'as JSON with its end: {"token","expiresAt"}')
    .action(async (options: { readonly json?: true }) => {
      const { token, expiresAtMs } = await currentToken();
      const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
      console.log(options.json === true ? JSON.stringify({ token, expiresAt }) : token);
    });
}

export function whoamiCommand(): Command {
  return new Command('whoami')
    .description('show the claims of the token, as they stand in it')
    .option('--json', 'the claims alone, as JSON')
    .action(async (options: { readonly json?: true }) => {
      const { token, expiresAtMs, source } = await currentToken();
      const claims = unverifiedClaims(token);
      if (options.json === true) {
        console.log(JSON.stringify(claims));
        return;
      }
      console.log(`source   ${source}`);
      if (!claims) {
        console.log('The token is opaque: only its issuer can say whom it names.');
        return;
      }
      console.log(`issuer   ${printable(String(claims['iss']))}`);
      console.log(`subject  ${printable(String(claims['sub']))}`);
      if (expiresAtMs !== null) console.log(`ends     ${new Date(expiresAtMs).toISOString()}`);
      console.log(printableJson(claims));
      console.error('These claims are unverified: only the gateway checks the signature.');
    });
}

/** JSON.stringify escapes C0 controls only. */
function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f\p{Bidi_Control}]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
