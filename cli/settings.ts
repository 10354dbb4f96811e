// Where the command line keeps its files, and which gateway it talks to: --gateway (main.ts puts it in POSTERN_GATEWAY, so
// that a child process inherits it), else POSTERN_GATEWAY, else config.json, which `postern login` writes.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError, EXIT, reasonOf } from './failure.ts';

/** `$XDG_CONFIG_HOME/postern`, else `~/.config/postern` (XDG Base Directory Specification: relative values are ignored). */
export function configDirectory(): string {
  const xdg = process.env['XDG_CONFIG_HOME'];
  return join(xdg?.startsWith('/') === true ? xdg : join(homedir(), '.config'), 'postern');
}

function configFile(): string {
  return join(configDirectory(), 'config.json');
}

/**
 * The gateway's base URL without a trailing slash. https only: a token is never sent in clear text over a network; http
 * is for loopback addresses.
 * @throws CliError usage, when there is none or it is not such a URL
 */
export function gatewayUrl(): string {
  // An empty variable is how a shell says «none».
  const url = process.env['POSTERN_GATEWAY'] || rememberedGateway();
  if (url === undefined) {
    throw new CliError(
      EXIT.usage,
      'No gateway is set.',
      'Give --gateway https://…, set POSTERN_GATEWAY, or log in once: postern --gateway https://… login',
    );
  }
  return checkedUrl(url);
}

/** Makes this gateway the default for later commands. */
export function rememberGateway(url: string): void {
  writePrivate(configFile(), `${JSON.stringify({ gateway: url }, null, 2)}\n`);
}

function rememberedGateway(): string | undefined {
  const file = configFile();
  if (!existsSync(file)) return undefined;
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CliError(EXIT.usage, `${file} cannot be read: ${reasonOf(error)}.`);
  }
  if (typeof config !== 'object' || config === null || !('gateway' in config)) return undefined;
  return typeof config.gateway === 'string' ? config.gateway : undefined;
}

function checkedUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new CliError(
      EXIT.usage,
      'The gateway must be a plain URL such as https://gate.acme.dev.',
    );
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new CliError(
      EXIT.usage,
      'The gateway must be an https:// URL (http:// is for loopback).',
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** Names and addresses that cannot leave this machine; IPv6 with or without the brackets of a URL. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Replaces a file as a whole: a reader sees the old or the new one, never half; mode 0600 from its first byte on.
 * @throws CliError failed, when the directory cannot be written
 */
export function writePrivate(file: string, content: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const draft = `${file}.${randomUUID()}`;
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, file);
  } catch (error) {
    throw new CliError(EXIT.failed, `${file} cannot be written: ${reasonOf(error)}.`);
  }
}
