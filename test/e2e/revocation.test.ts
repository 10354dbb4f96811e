// Promise 7: what no longer holds ends live sessions within ten seconds, idle or not.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel } from '../support/tunnel.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack.stop();
});

async function connected(port: number): Promise<{ client: pg.Client; ended: Promise<string> }> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'agent',
    database: 'shop',
    ssl: false,
  });
  const ended = new Promise<string>((resolve) => {
    client.on('error', (error: Error & { code?: string }) =>
      resolve(`${error.code}: ${error.message}`),
    );
  });
  await client.connect();
  await client.query('SELECT 1');
  return { client, ended };
}

describe('a live session', () => {
  it('ends when its token does', async () => {
    const token = await stack.token('short-lived', ['agents'], { ttlSeconds: 15 });
    const tunnel = await openTunnel(stack.gateway, 'shop-db', token);
    const { ended } = await connected(tunnel.port);
    const message = await ended;
    expect(message).toContain('57P01');
    expect(message).toContain('token');
    await tunnel.close();
  });

  it('ends within ten seconds of a kill, by whoever may', async () => {
    const tunnel = await openTunnel(
      stack.gateway,
      'shop-db',
      await stack.token('killed', ['agents']),
    );
    const { ended } = await connected(tunnel.port);
    const sre = await stack.token('omar', ['sre'], { issuer: 'human' });
    const other = await stack.token('other-agent', ['agents']);
    const call = async (token: string, path: string, method = 'GET') =>
      fetch(`${stack.gateway}${path}`, { method, headers: { authorization: `Bearer ${token}` } });
    await expect
      .poll(
        async () => {
          const { sessions } = (await (await call(sre, '/v1/sessions')).json()) as {
            sessions: { id: string; principalId: string; endedAt: unknown }[];
          };
          return sessions.find((s) => s.principalId.endsWith('killed') && s.endedAt === null)?.id;
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBeDefined();
    const { sessions } = (await (await call(sre, '/v1/sessions')).json()) as {
      sessions: { id: string; principalId: string }[];
    };
    const id = sessions.find((s) => s.principalId.endsWith('killed'))?.id ?? '';
    expect((await call(other, `/v1/sessions/${id}`, 'DELETE')).status).toBe(404);
    expect((await call(sre, `/v1/sessions/${id}`, 'DELETE')).status).toBeLessThan(300);
    const started = Date.now();
    expect(await ended).toContain('57P01');
    expect(Date.now() - started).toBeLessThan(10_000);
    await tunnel.close();
  });

  it('ends within ten seconds of a policy that no longer allows it, and statements before that', async () => {
    const tunnel = await openTunnel(
      stack.gateway,
      'shop-db',
      await stack.token('revoked', ['agents']),
    );
    const { client, ended } = await connected(tunnel.port);
    const file = join(stack.state, 'postern.yaml');
    const before = readFileSync(file, 'utf8');
    const after = before.replaceAll('"agents" in principal.groups', '"nobody" in principal.groups');
    expect(after).not.toBe(before);
    const changed = Date.now();
    writeFileSync(file, after);
    const message = await ended;
    expect(Date.now() - changed).toBeLessThan(12_000);
    expect(message).toContain('policy');
    await expect(client.query('SELECT 1')).rejects.toThrow();
    writeFileSync(file, before);
    await expect
      .poll(
        async () => {
          const again = await connected(tunnel.port).catch(() => null);
          await again?.client.end();
          return again !== null;
        },
        { timeout: 20_000, interval: 1_000 },
      )
      .toBe(true);
    await tunnel.close();
  });
});
