// Debian's chromium for end-to-end tests, driven by playwright-core: one context for each person, which keeps what a browser
// would complain about, so that a test can say "nothing".
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

const DEBIAN_CHROMIUM = '/usr/bin/chromium';

/** A phone of today, in CSS pixels. */
export const PHONE = { width: 390, height: 844 } as const;

/** Null where there is none: tests are skipped then, except in CI. */
export function installedChromium(): string | null {
  if (existsSync(DEBIAN_CHROMIUM)) return DEBIAN_CHROMIUM;
  try {
    return execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim() || null;
  } catch {
    // `which` ends with 1 where it finds nothing.
    return null;
  }
}

/** The sandbox needs rights that a container's root does not have; these pages are our own. */
export async function launchBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

export interface PersonOptions {
  /** Default: without. The pages must not need it. */
  readonly javaScript?: boolean;
  readonly scheme?: 'light' | 'dark';
}

/** One person's browser, on a phone. */
export interface Visitor {
  readonly page: Page;
  /** Console errors (violations of the content security policy among them), exceptions, requests that failed. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

export async function openVisitor(
  browser: Browser,
  { javaScript = false, scheme = 'light' }: PersonOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({
    viewport: PHONE,
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
    javaScriptEnabled: javaScript,
    colorScheme: scheme,
  });
  const complaints: string[] = [];
  watch(context, complaints);
  return {
    page: await context.newPage(),
    complaints,
    close: () => context.close(),
  };
}

const REFUSED = 'Failed to load resource: the server responded with a status of 4';

function watch(context: BrowserContext, complaints: string[]): void {
  context.on('console', (message) => {
    // A refusal (409, 403) is an answer with a page of its own; chromium prints a line for each.
    const isStatus = message.text().startsWith(REFUSED);
    if (['error', 'warning'].includes(message.type()) && !isStatus) complaints.push(message.text());
  });
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('requestfailed', (request) => {
    // What a page cancels by moving on is no failure.
    const reason = request.failure()?.errorText ?? '';
    if (reason !== 'net::ERR_ABORTED') complaints.push(`${request.url()}: ${reason}`);
  });
}

/** From wherever the gateway sends a browser that has no session, to the page that was wanted. */
export async function signIn(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: new RegExp(`^${name}\\b`) }).click();
}

/** How far a page can be pushed sideways, in CSS pixels; measured in the layout, so it works without the page's JavaScript. */
export async function sidewaysScroll(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  const { cssContentSize, cssLayoutViewport } = await session.send('Page.getLayoutMetrics');
  await session.detach();
  return cssContentSize.width - Math.min(cssLayoutViewport.clientWidth, PHONE.width);
}
