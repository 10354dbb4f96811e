// What `postern login` keeps: one login for each gateway, in logins.json, readable by its owner alone. A refresh token is
// as good as a password, so a file that others can read is refused rather than used.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { withLock } from './file-lock.ts';
import { configDirectory, writePrivate } from './settings.ts';

const loginSchema = z.strictObject({
  /** `issuers[].id` of the gateway's policy file. */
  issuerId: z.string(),
  issuer: z.string(),
  clientId: z.string(),
  scopes: z.array(z.string()),
  audience: z.string(),
  /** What is sent to the gateway: an access token or an ID token, whichever is for its audience. */
  token: z.string(),
  refreshToken: z.string().nullable(),
});

export type Login = z.infer<typeof loginSchema>;

const storeSchema = z.record(z.string(), loginSchema);

function storeFile(): string {
  return join(configDirectory(), 'logins.json');
}

/**
 * @returns the login for this gateway URL, or null
 * @throws CliError unauthorized, when the store is damaged or open to others
 */
export function readLogin(gateway: string): Login | null {
  return readStore()[gateway] ?? null;
}

/**
 * Lets one process at a time change a gateway's login. `change` sees the login as it is now and gives back the new one;
 * null removes it.
 */
export async function changeLogin(
  gateway: string,
  change: (now: Login | null) => Promise<Login | null>,
): Promise<Login | null> {
  return withLock(`${storeFile()}.lock`, async () => {
    const before = readStore();
    const after = await change(before[gateway] ?? null);
    const { [gateway]: _, ...others } = before;
    const store = after ? { ...others, [gateway]: after } : others;
    if (Object.keys(store).length === 0) rmSync(storeFile(), { force: true });
    else writePrivate(storeFile(), `${JSON.stringify(store, null, 2)}\n`);
    return after;
  });
}

function readStore(): Readonly<Record<string, Login>> {
  const file = storeFile();
  if (!existsSync(file)) return {};
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new CliError(
      EXIT.unauthorized,
      `${file} holds logins and is open to other users.`,
      `Run: chmod 600 ${file} — and log in again if somebody may have read it.`,
    );
  }
  try {
    return storeSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? 'unknown content' : reasonOf(error);
    throw new CliError(
      EXIT.unauthorized,
      `${file} is damaged (${error instanceof SyntaxError ? 'not JSON' : reason}).`,
      'Remove it and log in again.',
    );
  }
}
