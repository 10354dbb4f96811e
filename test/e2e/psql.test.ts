// Real psql, unchanged, through `postern connect` and the gateway to a real Postgres behind a tunnel.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedStack } from '../support/stack.ts';
import { openTunnel, psql, type Tunnel } from '../support/tunnel.ts';

const stack = sharedStack();
let agent: Tunnel;
let dba: Tunnel;
const scratch = mkdtempSync(join(tmpdir(), 'postern-psql-'));

function shopPort(): number {
  const ports = JSON.parse(readFileSync(join(stack.state, 'ports.json'), 'utf8')) as {
    shop: number;
  };
  return ports.shop;
}

beforeAll(async () => {
  agent = await openTunnel(stack.gateway, 'shop-db', await stack.token('psql-agent', ['agents']));
  const person = await stack.token('dana', ['dba'], { issuer: 'human' });
  dba = await openTunnel(stack.gateway, 'shop-db', person);
});

afterAll(async () => {
  await agent.close();
  await dba.close();
  rmSync(scratch, { recursive: true, force: true });
});

describe('what an agent may do', () => {
  it('reads rows as the database has them', async () => {
    const result = await psql(agent.port, ['SELECT count(*) > 0 AS some FROM customers'], {
      args: ['-At'],
    });
    expect(result).toMatchObject({ code: 0, stdout: 't\n' });
  });

  it.each([
    '\\d',
    '\\dt',
    '\\d customers',
    '\\d+ active_customers',
    '\\df',
    '\\dn',
    '\\du',
    '\\dv',
    '\\di',
    '\\dT',
    '\\sv active_customers',
    '\\conninfo',
  ])('answers %s', async (command) => {
    const result = await psql(agent.port, [command]);
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
    expect(result.stdout.length).toBeGreaterThan(20);
  });

  it('answers \\l as the server itself does', async () => {
    // psql 15 asks PostgreSQL 18 for a column that is no longer there: then the right answer is that it is not there.
    const direct = await psql(shopPort(), ['\\l'], {
      user: 'app',
      password: stack.secret('app'),
    });
    const through = await psql(agent.port, ['\\l']);
    expect(through.code).toBe(direct.code);
    if (direct.code === 0) expect(through.stdout).toBe(direct.stdout);
    else expect(through.stderr).toContain('daticulocale');
  });

  it('copies a table out', async () => {
    const file = join(scratch, 'products.csv');
    const result = await psql(agent.port, [`\\copy products (id, sku) TO '${file}' CSV`]);
    expect(result.stderr).toBe('');
    expect(readFileSync(file, 'utf8').split('\n').length).toBeGreaterThan(10);
  });

  it('runs a script with transactions and errors as psql users expect', async () => {
    const result = await psql(agent.port, [], {
      args: ['-At'],
      input:
        "BEGIN;\nSELECT 1;\nSELECT 1/0;\nSELECT 2;\nROLLBACK;\nSELECT 'after';\n\\set x 5\nSELECT :x + 1;\n",
    });
    expect(result.stdout).toContain('after');
    expect(result.stdout).toContain('6');
    expect(result.stderr).toContain('22012');
    expect(result.stderr).toContain('25P02');
  });
});

describe('what is refused', () => {
  it.each([
    ['DROP TABLE customers', 'no-ddl', 'Schema changes go through migrations.'],
    ['DELETE FROM orders', 'no-whereless', 'add a WHERE clause'],
    ['WITH d AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM d', 'no-whereless', 'WHERE'],
    ['COPY (DELETE FROM orders RETURNING id) TO STDOUT', 'no-whereless', 'WHERE'],
    ['EXPLAIN ANALYZE DELETE FROM orders', 'no-whereless', 'WHERE'],
    ['SELECT 1; DROP TABLE customers', 'no-ddl', 'migrations'],
    ['TRUNCATE orders', 'no-whereless', 'WHERE'],
  ])('%s', async (statement, rule, sentence) => {
    const result = await psql(agent.port, [statement]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('42501');
    expect(result.stderr).toContain(sentence);
    expect(result.stderr).toContain(rule);
  });

  it.each([
    'DELETE FROM orders WHERE id = 1',
    "INSERT INTO customers (name, email, city, created_at) VALUES ('x', 'x@x', 'x', now())",
    'DO $$ BEGIN DELETE FROM orders; END $$',
    'SELECT refund_payment(1)',
    "SELECT set_config('search_path', 'audit', false) FROM refund_payment(1)",
    'SET ROLE postgres',
    "COPY customers TO PROGRAM 'cat > /tmp/x'",
    "SELECT pg_read_file('/etc/passwd')",
    'SET standard_conforming_strings = off',
    "SET client_encoding = 'LATIN1'",
  ])('%s', async (statement) => {
    const result = await psql(agent.port, [statement]);
    expect(result.stderr).toContain('42501');
    expect(result.code).toBe(1);
  });

  it('leaves the connection usable, and the transaction aborted as Postgres would', async () => {
    const result = await psql(agent.port, [], {
      args: ['-At'],
      input:
        "DROP TABLE orders;\nSELECT 'still here';\nBEGIN;\nDROP TABLE orders;\nSELECT 'not in this one';\nROLLBACK;\nSELECT 'again';\n",
    });
    expect(result.stdout).toContain('still here');
    expect(result.stdout).not.toContain('not in this one');
    expect(result.stdout).toContain('again');
    expect(result.stderr).toContain('25P02');
  });

  it('refuses another database than the target serves', async () => {
    const result = await psql(agent.port, ['SELECT 1'], { database: 'postgres' });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('leave the name out');
  });
});

describe('what a person may do', () => {
  it('writes, and copies in', async () => {
    const file = join(scratch, 'in.csv');
    writeFileSync(file, 'psql-1,Psql one,1.50,1\npsql-2,Psql two,2.50,2\n');
    const result = await psql(dba.port, [
      `\\copy products (sku, name, price, stock) FROM '${file}' CSV`,
      "UPDATE products SET stock = 7 WHERE sku = 'psql-1'",
      "DELETE FROM products WHERE sku LIKE 'psql-%'",
    ]);
    expect(result.stderr).toBe('');
    expect(result.stdout).toBe('COPY 2\nUPDATE 1\nDELETE 2\n');
  });

  it('gets notifications', async () => {
    const result = await psql(dba.port, [], {
      input: "LISTEN shop;\nNOTIFY shop, 'hello';\nSELECT 1;\n",
    });
    expect(result.stderr).toBe('');
    expect(result.stdout).toContain('Asynchronous notification "shop" with payload "hello"');
  });
});

describe('a target that is read-only', () => {
  it.each([
    "UPDATE orders SET note = 'x' WHERE id = 1",
    'SET default_transaction_read_only = off',
    'BEGIN READ WRITE',
    'SET TRANSACTION READ WRITE',
    'RESET ALL',
    'DISCARD ALL',
    "SELECT set_config('default_transaction_read_only', 'off', false)",
    'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
  ])('refuses %s', async (statement) => {
    const person = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
    const tunnel = await openTunnel(stack.gateway, 'shop-reports', person);
    const result = await psql(tunnel.port, [statement]);
    await tunnel.close();
    expect(result.stderr).toContain('42501');
  });
});
