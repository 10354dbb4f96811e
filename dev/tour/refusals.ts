// What an agent may not do, plainly and in disguise, and what the database itself says afterwards.
import { Client } from 'pg';
import type { Answer } from './caller.ts';
import { fails, shows, succeeds } from './step.ts';
import type { Step } from './step.ts';
import type { Scene } from './scene.ts';

const DDL = 'Schema changes go through migrations.';
const WHERELESS = 'This would change every row of the table; add a WHERE clause.';

export function refusalSteps(scene: Scene): readonly Step[] {
  const { sql } = scene;
  return [
    {
      title: 'It tries to drop a table, then goes on working',
      ...sql('shop-db', 'DROP TABLE payments', 'SELECT count(*) AS payments FROM payments'),
      expects: [succeeds, shows('ERROR'), shows(DDL), shows('no-ddl'), shows('258')],
      why: 'Rule no-ddl. The refusal is an ordinary Postgres error: the connection stays usable.',
    },
    {
      title: 'It forgets the WHERE clause',
      ...sql('shop-db', 'DELETE FROM orders'),
      expects: [fails, shows(WHERELESS), shows('no-whereless')],
      why: 'Rule no-whereless: sql.whereless is true for an UPDATE or DELETE that would touch every row.',
    },
    {
      title: 'It hides the same DELETE inside a SELECT',
      ...sql(
        'shop-db',
        'WITH gone AS (DELETE FROM payments RETURNING id) SELECT count(*) FROM gone',
      ),
      expects: [fails, shows(WHERELESS), shows('no-whereless')],
      why: 'Facts come from the parse tree of the real Postgres parser, not from the first word.',
    },
    {
      title: 'It hides it inside a COPY',
      ...sql('shop-db', 'COPY (DELETE FROM payments RETURNING id) TO STDOUT'),
      expects: [fails, shows(WHERELESS), shows('no-whereless')],
      why: 'The same facts: a COPY of a DELETE is a DELETE.',
    },
    {
      title: 'It calls a function that writes',
      ...sql('shop-db', 'SELECT refund_payment(7)'),
      expects: [fails, shows('ERROR')],
      why: 'The function is volatile: what it does cannot be known beforehand, the effect is opaque, and no rule allows that.',
    },
    {
      title: 'It tries to write where the target is read-only',
      ...sql('shop-reports', "UPDATE orders SET note = 'x' WHERE id = 1"),
      expects: [fails, shows('ERROR')],
      why: 'shop-reports has access: read-only, which no rule can lift; the server holds the session to it as well.',
    },
    {
      title: 'The database itself is asked whether anything happened',
      command: 'select … (directly, not through the gateway)',
      run: () => groundTruth(scene),
      expects: [
        succeeds,
        shows('120 customers, 360 orders, 258 payments'),
        shows('0 of the refused changes'),
      ],
      why: 'A refused statement is never sent.',
    },
  ];
}

/** Looks past the gateway with the owner's own login. */
async function groundTruth({ stack }: Scene): Promise<Answer> {
  if (stack.shop === null) throw new Error('the tour needs the shop');
  const { port, user, password, database } = stack.shop;
  const client = new Client({ host: '127.0.0.1', port, user, password, database });
  await client.connect();
  try {
    const { rows } = await client.query<
      Record<'customers' | 'orders' | 'payments' | 'changed', string>
    >(
      `SELECT (SELECT count(*) FROM customers) AS customers, (SELECT count(*) FROM orders) AS orders,
              (SELECT count(*) FROM payments) AS payments,
              (SELECT count(*) FROM payments WHERE id = 7 AND refunded)
                + (SELECT count(*) FROM orders WHERE id = 1 AND note = 'x') AS changed`,
    );
    const [row] = rows;
    const counts = `${row?.customers} customers, ${row?.orders} orders, ${row?.payments} payments`;
    return { output: `${counts}; ${row?.changed} of the refused changes`, code: 0 };
  } finally {
    await client.end();
  }
}
