// The stored login's token, refreshed without asking when its end is near. One refresh at a time: within this process by
// sharing the promise, between processes by the store's lock.
import { CliError, EXIT, reasonOf } from './failure.ts';
import { type Login, changeLogin, readLogin } from './login-store.ts';
import { gatewayUrl } from './settings.ts';
import { type Token, type TokenUse, isFresh, tokenOf } from './token.ts';

const pending = new Map<string, Promise<Token>>();

/**
 * @returns null when this gateway has no login
 * @throws CliError unauthorized, when the login has ended for good
 */
export async function loginToken(use: TokenUse): Promise<Token | null> {
  const gateway = gatewayUrl();
  const login = readLogin(gateway);
  if (!login) return null;
  if (hasFresh(login, use)) return tokenOf(login.token);
  let refresh = pending.get(gateway);
  if (!refresh) {
    refresh = refreshed(gateway, use).finally(() => pending.delete(gateway));
    pending.set(gateway, refresh);
  }
  return refresh;
}

function hasFresh(login: Login, use: TokenUse): boolean {
  return isFresh(tokenOf(login.token), use, Date.now());
}

async function refreshed(gateway: string, use: TokenUse): Promise<Token> {
  const login = await changeLogin(gateway, async (now) => {
    if (!now || hasFresh(now, use)) return now; // another process was quicker
    try {
      const { refreshLogin } = await import('./issuer.ts');
      return await refreshLogin(now);
    } catch (error) {
      // The issuer may be away for a moment; what is left of the token's life is still good.
      if ((tokenOf(now.token).expiresAtMs ?? 0) > Date.now()) return now;
      if (error instanceof CliError) throw error;
      throw new CliError(
        EXIT.unauthorized,
        `Your login could not be renewed at ${now.issuer}: ${reasonOf(error)}.`,
        'Run `postern login`.',
      );
    }
  });
  if (!login) throw new CliError(EXIT.unauthorized, 'You were logged out meanwhile.');
  return tokenOf(login.token);
}
