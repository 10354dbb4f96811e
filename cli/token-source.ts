// Where the caller's token comes from, in this order: POSTERN_TOKEN, POSTERN_TOKEN_FILE, the GitHub Actions token service,
// the login that `postern login` stored. The first one that is there is used, alone: a broken source is an error, never a
// reason to fall back to somebody else's identity.
import { readFileSync } from 'node:fs';
import { MAX_TOKEN_BYTES } from '../core/limits.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { gitHubToken, runsInGitHubActions } from './github-token.ts';
import { loginToken } from './login-token.ts';
import { type Token, type TokenUse, tokenOf } from './token.ts';

/** A token, and for humans where it came from. */
export type SourcedToken = Token & { readonly source: string };

/** @throws CliError unauthorized when there is no token, or its source fails */
export async function currentToken(use: TokenUse = 'request'): Promise<SourcedToken> {
  const { env } = process;
  const given = env['POSTERN_TOKEN'];
  if (given !== undefined && given !== '') return alive(given, 'POSTERN_TOKEN');
  const file = env['POSTERN_TOKEN_FILE'];
  if (file !== undefined && file !== '') return alive(readToken(file), file);
  if (runsInGitHubActions()) return alive((await gitHubToken(use)).token, 'GitHub Actions');
  const login = await loginToken(use);
  if (login) return alive(login.token, 'postern login');
  throw new CliError(EXIT.unauthorized, 'You are not logged in.', hint());
}

/**
 * Read anew each time: a kubelet rotates a projected service account token by swapping a symbolic link, and a token file
 * is too small for a cache to be worth a stale answer.
 */
function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CliError(EXIT.unauthorized, `POSTERN_TOKEN_FILE cannot be read: ${reasonOf(error)}.`);
  }
}

function alive(text: string, source: string): SourcedToken {
  const token = checkedToken(text, source);
  if (token.expiresAtMs !== null && token.expiresAtMs <= Date.now()) {
    const ended = new Date(token.expiresAtMs).toISOString();
    throw new CliError(EXIT.unauthorized, `The token of ${source} ended at ${ended}.`);
  }
  return { ...token, source };
}

/** A token that cannot stand in a header must not reach an error message that quotes the header. */
function checkedToken(text: string, source: string): Token {
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(text) || text.length > MAX_TOKEN_BYTES) {
    throw new CliError(EXIT.unauthorized, `What ${source} gives is not a token.`);
  }
  return tokenOf(text);
}

function hint(): string {
  if (process.env['GITLAB_CI'] === 'true') {
    return 'In GitLab CI, add to the job:  id_tokens: { POSTERN_TOKEN: { aud: <gateway URL> } }';
  }
  if (process.env['GITHUB_ACTIONS'] === 'true') {
    return 'In GitHub Actions, add to the job:  permissions: { id-token: write }';
  }
  return 'Run `postern login`, or set POSTERN_TOKEN or POSTERN_TOKEN_FILE.';
}
