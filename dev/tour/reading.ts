// What an agent may do: look at its targets, open the real client, read, run a prepared statement, change one order.
import { shows, succeeds } from './step.ts';
import type { Step } from './step.ts';
import type { Scene } from './scene.ts';

export function readingSteps({ agent, sql }: Scene): readonly Step[] {
  return [
    {
      title: 'It asks what it may reach',
      command: 'npx postern targets',
      run: () => agent.postern('targets'),
      expects: [succeeds, shows('shop-db'), shows('shop-reports')],
      why: 'A target is listed where the rules let this caller open a session; its address and login are not.',
    },
    {
      title: 'It opens the database with an ordinary client',
      ...sql('shop-db', "SELECT current_database(), split_part(version(), ' ', 2)"),
      expects: [succeeds, shows('shop'), shows('18.')],
      why: 'The gateway verified the token, logged in to Postgres itself over the tunnel, and passed the connection on.',
    },
    {
      title: 'It reads',
      ...sql(
        'shop-db',
        'SELECT name, city, orders FROM active_customers ORDER BY orders DESC, id LIMIT 3',
      ),
      expects: [succeeds, shows('Grace Hopper')],
      why: 'Rule agents-read allows sql.effect == "read": the parser saw a SELECT, and the view reads tables only.',
    },
    {
      title: 'Its program runs a prepared statement',
      command: 'npx postern exec shop-db -- node dev/tour/prepared.ts',
      run: () => agent.postern('exec', 'shop-db', '--', 'node', 'dev/tour/prepared.ts'),
      expects: [succeeds, shows('Lisbon: 17 customers'), shows('Oslo: 18 customers')],
      why: 'Judged when it is prepared and again with its values when it runs; the values are recorded.',
    },
    {
      title: 'It changes one order',
      ...sql('shop-db', "UPDATE orders SET note = 'call first' WHERE id = 42"),
      expects: [succeeds, shows('UPDATE 1')],
      why: 'Rule agents-update-orders allows an UPDATE that writes public.orders and nothing else.',
    },
  ];
}
