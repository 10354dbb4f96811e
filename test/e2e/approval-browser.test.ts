// The whole way of an approval in a real browser: a client's statement waits, a person follows the link from its notice,
// signs in at the issuer, reads, decides; the client hears of it. On a phone, and without JavaScript except where one test
// says so. The pages' markup in detail: test/worker/approval-pages.test.ts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Browser, Page } from 'playwright-core';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  installedChromium,
  launchBrowser,
  openVisitor,
  sidewaysScroll,
  signIn,
  type PersonOptions,
  type Visitor,
} from '../support/browser.ts';
import { changePolicy, hold } from '../support/held-statement.ts';
import { shopDatabase } from '../support/shop-database.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';

const RULES = `
  - id: page-writes
    who: '"page-writers" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    message: Deletions in the shop are looked at by its owners.
    approval: { by: [dba], expires: 15m, wait: 50s, maxRows: 5 }
  - id: page-reads
    who: '"page-writers" in principal.groups'
    on: [shop-db]
    when: sql.effect == "read"
    then: allow
  - id: page-two
    who: '"page-careful" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [staff], quorum: 2, expires: 15m, wait: 50s }
  - id: page-short
    who: '"page-late" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], expires: 8s, wait: 7s, keep: true }
`;

/** Products that nothing refers to, one or two for each test. */
const ROWS = `INSERT INTO products (id, sku, name, price) OVERRIDING SYSTEM VALUE
  SELECT n, 'PAGE-' || n, 'For a page', 1 FROM generate_series(101, 120) AS n`;

const CHROMIUM = installedChromium();
// Where everything is installed on purpose, what is missing is a failure.
const SKIPPED = CHROMIUM === null && process.env['CI'] === undefined;

describe.skipIf(SKIPPED)(
  `approvals in a browser${SKIPPED ? ' (skipped: apt-get install chromium)' : ''}`,
  () => {
    let stack: TestStack;
    let browser: Browser;
    let writer: Tunnel;
    let database: pg.Client;
    const visitors: Visitor[] = [];

    beforeAll(async () => {
      if (CHROMIUM === null) throw new Error('chromium is missing: .ci/run installs it');
      [stack, browser] = await Promise.all([startStack(), launchBrowser(CHROMIUM)]);
      await changePolicy(stack, (document) =>
        document.replace(/^rules:\n/m, () => `rules:${RULES}`),
      );
      writer = await tunnel('page-agent', 'page-writers');
      database = await shopDatabase(stack);
      await database.query(ROWS);
    });

    afterAll(async () => {
      await writer?.close();
      await database?.end();
      await browser?.close();
      await stack?.stop();
    });

    afterEach(async () => {
      const complaints = visitors.flatMap((visitor) => visitor.complaints);
      for (const visitor of visitors.splice(0)) await visitor.close();
      expect(complaints).toEqual([]);
    });

    async function tunnel(subject: string, group: string): Promise<Tunnel> {
      return openTunnel(stack.gateway, 'shop-db', await stack.token(subject, [group]));
    }

    /** Follows a link with a browser that has never been here, and signs in. */
    async function visit(link: string, name: string, options?: PersonOptions) {
      const visitor = await openVisitor(browser, options);
      visitors.push(visitor);
      await visitor.page.goto(link);
      expect(visitor.page.url()).toContain(`${stack.issuer}/people/`);
      await signIn(visitor.page, name);
      await visitor.page.waitForURL(link);
      return visitor.page;
    }

    const linkOf = (id: string): string => `${stack.gateway}/approvals/${id}`;

    /** Beside the gateway: what it says is not what counts. */
    async function count(where: string): Promise<number> {
      const { rows } = await database.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM products WHERE ${where}`,
      );
      return rows[0]?.n ?? -1;
    }

    describe('without JavaScript', () => {
      it('shows what psql waits with, and runs it when somebody clicks', async () => {
        expect(await count('id IN (101, 102)')).toBe(2);
        const psql = spawn(
          'psql',
          [
            `host=127.0.0.1 port=${writer.port} user=agent dbname=shop sslmode=disable`,
            '-X',
            '-c',
            'DELETE FROM products WHERE id IN (101, 102)',
          ],
          { env: { ...process.env, PSQLRC: '/dev/null' } },
        );
        const ended = once(psql, 'close') as Promise<[number | null]>;
        let printed = '';
        psql.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
        const link = await new Promise<string>((resolve) => {
          let notices = '';
          psql.stderr.on('data', (chunk: Buffer) => {
            notices += chunk.toString();
            const found = /http:\/\/\S+\/approvals\/[0-9a-f]{32}-\d+/.exec(notices)?.[0];
            if (found !== undefined) resolve(found);
          });
        });
        const page = await visit(link, 'Dana Ito');
        const text = await page.innerText('main');
        expect(text).toContain('DELETE on public.products');
        expect(text).toContain('DELETE FROM products WHERE id IN (101, 102)');
        expect(text).toContain('dev-workloads:page-agent');
        expect(text).toContain('page-writes');
        expect(text).toContain('Deletions in the shop are looked at by its owners.');
        expect(text).toMatch(/about 2 rows expected · at most 5, else rolled back/);
        expect(text.replaceAll(' ', '')).toMatch(/Digest\s*[0-9a-f]{64}/);
        expect(printed).toBe('');
        await press(page, 'Approve');
        expect(page.url()).toBe(link);
        expect(await page.innerText('.pill')).toMatch(/^Approved/);
        const [code] = await ended;
        expect({ code, printed }).toEqual({ code: 0, printed: 'DELETE 2\n' });
        expect(await count('id IN (101, 102)')).toBe(0);
        await page.reload();
        expect(await page.innerText('.pill')).toBe('Approved and used');
        expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
      });

      it('shows parameters, each whole and with its type', async () => {
        const held = await hold(writer.port, 'UPDATE products SET name = $1 WHERE id = $2', [
          'a <b>name</b> with\nlines',
          103,
        ]);
        const page = await visit(linkOf(held.id), 'Dana Ito');
        const text = await page.innerText('main');
        expect(text).toContain('UPDATE products SET name = $1 WHERE id = $2');
        expect(text).toContain('a <b>name</b> with\nlines');
        expect(await page.locator('ol.binds li').count()).toBe(2);
        await press(page, 'Approve');
        expect(await held.answer).toMatchObject({ rowCount: 1 });
        await held.client.end();
      });

      it('carries the reason of a denial to the client, and wants one', async () => {
        const held = await hold(writer.port, 'DELETE FROM products WHERE id = 104');
        const page = await visit(linkOf(held.id), 'Dana Ito');
        await page.getByRole('button', { name: 'Deny' }).click();
        // The browser itself holds the form back until there is a reason.
        expect(page.url()).toBe(linkOf(held.id));
        expect(await page.getByRole('button', { name: 'Deny' }).count()).toBe(1);
        await page.getByLabel('Reason').fill('Ask the catalogue team first — ticket 12.');
        await press(page, 'Deny');
        const answer = (await held.answer) as pg.DatabaseError;
        expect(answer).toMatchObject({ code: '42501' });
        expect(answer.message).toContain('Ask the catalogue team first — ticket 12.');
        expect(await page.innerText('.pill')).toBe('Denied');
        expect(await page.innerText('main')).toContain('Ask the catalogue team first');
        expect(await count('id = 104')).toBe(1);
        await held.client.end();
      });
    });

    it('works with JavaScript just so', async () => {
      const held = await hold(writer.port, 'DELETE FROM products WHERE id = 105');
      const page = await visit(linkOf(held.id), 'Dana Ito', { javaScript: true });
      await press(page, 'Approve');
      expect(await held.answer).toMatchObject({ rowCount: 1 });
      await held.client.end();
    });

    it('says that a request has expired, to whoever opens it and to whoever still has it open', async () => {
      const late = await tunnel('page-late', 'page-late');
      const held = await hold(late.port, 'DELETE FROM products WHERE id = 106');
      const page = await visit(linkOf(held.id), 'Dana Ito');
      expect(await page.innerText('.pill')).toBe('Waiting for approval');
      expect(await held.answer).toMatchObject({ code: '42501' });
      const other = await visit(linkOf(held.id), 'Dana Ito');
      await expect
        .poll(
          async () => {
            await other.reload();
            return other.innerText('.pill');
          },
          { timeout: 15_000 },
        )
        .toBe('Expired');
      await press(page, 'Approve');
      expect(await page.innerText('main')).toContain('Expired');
      expect(await page.innerText('[role=status]')).not.toBe('');
      expect(await count('id = 106')).toBe(1);
      await held.client.end();
      await late.close();
    });

    it('takes no vote from whoever asked', async () => {
      const token = await stack.token('dana', ['dba', 'page-writers'], { issuer: 'human' });
      const own = await openTunnel(stack.gateway, 'shop-db', token);
      const held = await hold(own.port, 'DELETE FROM products WHERE id = 107');
      const page = await visit(linkOf(held.id), 'Dana Ito');
      expect(await page.innerText('main')).toContain('You asked for this yourself');
      expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
      expect(await page.locator('form.decide').count()).toBe(0);
      await held.client.end();
      await own.close();
    });

    it('asks two people where the rule says two, and tells the third that it is done', async () => {
      const careful = await tunnel('page-careful', 'page-careful');
      const held = await hold(careful.port, 'DELETE FROM products WHERE id = 108');
      const dana = await visit(linkOf(held.id), 'Dana Ito');
      const omar = await visit(linkOf(held.id), 'Omar Haddad');
      const alice = await visit(linkOf(held.id), 'Alice Moreau');
      await press(dana, 'Approve');
      expect(await dana.innerText('[role=status]')).toContain('It needs more people');
      expect(await dana.innerText('.pill')).toBe('Waiting for approval');
      // Once more is not two.
      await press(dana, 'Approve');
      expect(await dana.innerText('.pill')).toBe('Waiting for approval');
      expect(await count('id = 108')).toBe(1);
      await press(omar, 'Approve');
      expect(await held.answer).toMatchObject({ rowCount: 1 });
      await press(alice, 'Approve');
      expect(await alice.innerText('[role=status]')).not.toBe('');
      expect(await alice.innerText('.pill')).toMatch(/^Approved/);
      expect(await count('id = 108')).toBe(0);
      await held.client.end();
      await careful.close();
    });

    it('is nothing to people who are not asked, nor to an agent with the link', async () => {
      const held = await hold(writer.port, 'DELETE FROM products WHERE id = 109');
      const eve = await visit(linkOf(held.id), 'Eve Contractor');
      const seen = await eve.innerText('body');
      expect(seen).not.toContain('DELETE FROM products');
      expect(await eve.getByRole('button', { name: 'Approve' }).count()).toBe(0);
      for (const groups of [['page-writers'], ['page-writers', 'dba']]) {
        const token = await stack.token('page-agent', groups);
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const seen = await fetch(`${stack.gateway}/v1/approvals/${held.id}`, { headers });
        const { approval } = (await seen.json()) as { approval: { digest: string } };
        const body = JSON.stringify({ decision: 'approve', digest: approval.digest });
        const url = `${stack.gateway}/v1/approvals/${held.id}/decision`;
        const vote = await fetch(url, { method: 'POST', headers, body });
        expect(vote.status).toBe(403);
        // The page takes cookies alone: a bearer token is nobody there.
        const post = await fetch(linkOf(held.id), {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, origin: stack.gateway },
          body: new URLSearchParams({ vote: 'approve', digest: approval.digest, csrf: 'x' }),
          redirect: 'manual',
        });
        expect(post.status).toBeGreaterThanOrEqual(400);
      }
      expect(await count('id = 109')).toBe(1);
      await held.client.end();
    });

    describe('on a phone', () => {
      const HIDDEN =
        "DELETE FROM products WHERE sku = 'gift\u202E\u2066 --\u2069' OR name = 'x\u200By'";
      // The end matters as much as the beginning.
      const LONG = `DELETE FROM products WHERE sku IN (\n${Array.from(
        { length: 15_000 },
        (_, row) => `  'a-rather-long-article-number-that-no-shop-would-have-${row}'`,
      ).join(',\n')}\n) /* the very end */`;

      it.each(['light', 'dark'] as const)('stays as wide as its screen, %s', async (scheme) => {
        const held = await hold(
          writer.port,
          'UPDATE products SET name = $1, stock = $2 WHERE id = $3',
          [`${'x'.repeat(300)}\u202Eevil`, scheme.length, 110],
        );
        const page = await visit(linkOf(held.id), 'Dana Ito', { scheme });
        expect(await sidewaysScroll(page)).toBe(0);
        await shoot(page, `pending-${scheme}`);
        expect(await page.innerText('main')).toContain('⟦U+202E⟧evil');
        await page.getByLabel('Reason').fill('no');
        await press(page, 'Deny');
        await held.answer;
        expect(await page.innerText('.pill')).toBe('Denied');
        expect(await sidewaysScroll(page)).toBe(0);
        await shoot(page, `denied-${scheme}`);
        await page.goto(`${stack.gateway}/approvals`);
        expect(await sidewaysScroll(page)).toBe(0);
        await shoot(page, `list-${scheme}`);
        await held.client.end();
      });

      it('writes out what cannot be seen', async () => {
        const held = await hold(writer.port, HIDDEN);
        const page = await visit(linkOf(held.id), 'Dana Ito');
        const text = await page.innerText('pre.sql');
        expect(text).toContain("'gift⟦U+202E⟧⟦U+2066⟧ --⟦U+2069⟧'");
        expect(text).toContain("'x⟦U+200B⟧y'");
        expect(text).not.toMatch(/\p{Cf}/u);
        expect(await page.innerText('.note')).toContain('characters that cannot be seen (4)');
        expect(await sidewaysScroll(page)).toBe(0);
        await shoot(page, 'hidden-light');
        await held.client.end();
      });

      it('shows a megabyte to its end', async () => {
        expect(LONG.length).toBeGreaterThan(900_000);
        const held = await hold(writer.port, LONG);
        const page = await visit(linkOf(held.id), 'Dana Ito', { scheme: 'dark' });
        expect(await page.innerText('pre.sql')).toBe(LONG);
        expect(await sidewaysScroll(page)).toBe(0);
        // The decision is near, not a megabyte below.
        const { height } = (await page.locator('main').boundingBox()) ?? { height: Infinity };
        expect(height).toBeLessThan(4_000);
        await shoot(page, 'long-dark');
        await press(page, 'Approve');
        expect(await held.answer).toMatchObject({ command: 'DELETE', rowCount: 0 });
        await held.client.end();
      });
    });
  },
);

/** A click that sends a form, and the page that answers it. */
async function press(page: Page, name: 'Approve' | 'Deny'): Promise<void> {
  const answered = page.waitForEvent('load');
  await page.getByRole('button', { name }).click();
  await answered;
}

/** SHOTS=<folder> keeps pictures of the pages, for people. */
async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['SHOTS'];
  if (folder === undefined) return;
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  await page.screenshot({ path: `${folder}/${name}-first.png` });
}
