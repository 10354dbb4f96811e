// A program as agents write them: a driver, a named prepared statement, bind values. Only host and port are the gateway's.
import { Client } from 'pg';
import { say } from '../output.ts';

const client = new Client();
await client.connect();
for (const city of ['Lisbon', 'Oslo']) {
  const { rows } = await client.query<{ customers: string }>({
    name: 'customers-of-city',
    text: 'SELECT count(*) AS customers FROM customers WHERE city = $1',
    values: [city],
  });
  say(`${city}: ${rows[0]?.customers ?? 'no answer'} customers`);
}
await client.end();
