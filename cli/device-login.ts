// Logging in on another device, for machines without a browser (RFC 8628).
import * as oidc from 'openid-client';
import { loginReason } from './browser-login.ts';
import type { LoginIssuer } from './discovery.ts';
import { CliError, EXIT } from './failure.ts';
import { type Answer, audienceParameters } from './issuer.ts';

export interface DevicePrompt {
  readonly url: string;
  /** The same with the code filled in, where the issuer has one. */
  readonly completeUrl: string | null;
  readonly code: string;
  readonly expiresInSeconds: number;
}

/** `show` gets what the human needs. Rejects with a CliError when the login is refused or the code expires. */
export async function deviceLogin(
  configuration: oidc.Configuration,
  issuer: LoginIssuer,
  show: (prompt: DevicePrompt) => void,
): Promise<Answer> {
  const audience = audienceParameters(issuer);
  try {
    const device = await oidc.initiateDeviceAuthorization(configuration, {
      scope: issuer.scopes.join(' '),
      ...audience,
    });
    show({
      url: device.verification_uri,
      completeUrl: device.verification_uri_complete ?? null,
      code: device.user_code,
      expiresInSeconds: device.expires_in,
    });
    return await oidc.pollDeviceAuthorizationGrant(configuration, device, audience);
  } catch (error) {
    throw new CliError(EXIT.unauthorized, `The login failed: ${loginReason(error)}.`);
  }
}
