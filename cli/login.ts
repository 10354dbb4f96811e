// `postern login`, `logout`, `token`, `whoami`: the caller's own identity. Progress goes to stderr, answers to stdout.
import { Command, Option } from 'commander';
import type { Configuration } from 'openid-client';
import { type LoginIssuer, chooseIssuer, discover } from './discovery.ts';
import { CliError, EXIT } from './failure.ts';
import type { Answer } from './issuer.ts';
import { changeLogin } from './login-store.ts';
import { printable } from './problem.ts';
import { gatewayUrl, rememberGateway } from './settings.ts';
import { unverifiedClaims } from './token.ts';

interface LoginOptions {
  readonly device?: true;
  readonly browser?: true;
  readonly issuer?: string;
  readonly open: boolean;
}

export function loginCommand(): Command {
  return new Command('login')
    .description('log in at one of the gateway’s issuers and keep the login')
    .addOption(new Option('--device', 'log in on another device, with a code').conflicts('browser'))
    .addOption(new Option('--browser', 'log in with a browser on this machine'))
    .option('--no-open', 'print the address instead of opening a browser')
    .option('--issuer <id>', 'which issuer, when the gateway has several')
    .action(login);
}

async function login(options: LoginOptions): Promise<void> {
  const gateway = gatewayUrl();
  const issuer = chooseIssuer(await discover(), options.issuer);
  const { connectIssuer, loginFrom } = await import('./issuer.ts');
  const configuration = await connectIssuer(issuer.issuer, issuer.clientId);
  const answer = wantsDevice(options, configuration)
    ? await onDevice(configuration, issuer)
    : await inBrowser(configuration, issuer, options.open);
  const login = loginFrom(issuer, answer, null);
  await changeLogin(gateway, async () => login);
  rememberGateway(gateway);
  const subject = unverifiedClaims(login.token)?.['sub'];
  console.log(
    `Logged in to ${gateway} as ${typeof subject === 'string' ? printable(subject) : 'somebody'}.`,
  );
  for (const name of ['POSTERN_TOKEN', 'POSTERN_TOKEN_FILE']) {
    if (process.env[name]) console.error(`${name} is set, and is used before this login.`);
  }
  if (login.refreshToken === null) {
    console.error('The issuer gave no refresh token: this login lasts as long as its token.');
  }
}

function wantsDevice(options: LoginOptions, configuration: Configuration): boolean {
  const canDevice = configuration.serverMetadata().device_authorization_endpoint !== undefined;
  if (options.device === true && !canDevice) {
    throw new CliError(
      EXIT.failed,
      'This issuer has no device login.',
      'Use --browser, with --no-open if need be.',
    );
  }
  if (options.device === true || options.browser === true) return options.device === true;
  return canDevice && !hasDisplay();
}

function hasDisplay(): boolean {
  const { env, platform } = process;
  if (env['SSH_CONNECTION'] !== undefined) return false;
  if (platform === 'darwin' || platform === 'win32') return true;
  return env['DISPLAY'] !== undefined || env['WAYLAND_DISPLAY'] !== undefined;
}

async function inBrowser(
  configuration: Configuration,
  issuer: LoginIssuer,
  mayOpen: boolean,
): Promise<Answer> {
  const { browserLogin } = await import('./browser-login.ts');
  return browserLogin(configuration, issuer, (url) => {
    console.error(`Log in here:\n\n  ${url.href}\n\nWaiting for the browser …`);
    if (mayOpen) void openBrowser(url.href);
  });
}

/** Never fails the login: the address is on the terminal already. */
async function openBrowser(url: string): Promise<void> {
  try {
    const { default: open } = await import('open');
    // The address is the issuer's; anything but a web page could start a program here.
    if (!/^https?:/.test(url)) throw new CliError(EXIT.failed, 'The address is not a web page.');
    const child = await open(url);
    child.on('error', () => console.error('No browser could be opened; use the address above.'));
  } catch {
    console.error('No browser could be opened; use the address above.');
  }
}

async function onDevice(configuration: Configuration, issuer: LoginIssuer): Promise<Answer> {
  const { deviceLogin } = await import('./device-login.ts');
  return deviceLogin(configuration, issuer, (prompt) => {
    const minutes = Math.floor(prompt.expiresInSeconds / 60);
    console.error(
      `On any device, open\n\n  ${printable(prompt.completeUrl ?? prompt.url)}\n\nand check that it shows the code  ` +
        `${printable(prompt.code)}  (good for ${minutes} minutes).\nWaiting for you to confirm …`,
    );
  });
}

export function logoutCommand(): Command {
  return new Command('logout')
    .description('forget the login for this gateway, here and at the issuer')
    .action(async () => {
      const gateway = gatewayUrl();
      let revocation: string | null = null;
      let had = false;
      await changeLogin(gateway, async (login) => {
        had = login !== null;
        if (login) revocation = await (await import('./issuer.ts')).revokeLogin(login);
        return null;
      });
      console.log(had ? `Logged out of ${gateway}.` : `There was no login for ${gateway}.`);
      if (revocation !== null) {
        console.error(
          `The issuer could not be told: ${String(revocation)}. The refresh token may still be valid there.`,
        );
      }
    });
}
