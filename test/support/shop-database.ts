// The shop's database itself, beside the gateway: what the gateway says is not what counts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { TestStack } from './stack.ts';

/** As its owner; the caller ends it. */
export async function shopDatabase(stack: Pick<TestStack, 'state' | 'secret'>): Promise<pg.Client> {
  const ports = JSON.parse(readFileSync(join(stack.state, 'ports.json'), 'utf8')) as {
    shop: number;
  };
  const client = new pg.Client({
    host: '127.0.0.1',
    port: ports.shop,
    user: 'app',
    password: stack.secret('app'),
    database: 'shop',
  });
  await client.connect();
  return client;
}
