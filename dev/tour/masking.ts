// What an agent does not get to see: masked values, in plain sight and behind an expression, and the question that would
// have told of them all the same.
import { fails, shows, succeeds } from './step.ts';
import type { Expectation, Step } from './step.ts';
import type { Scene } from './scene.ts';

const hides = (text: string): Expectation => ({
  what: `does not show «${text}»`,
  holds: ({ output }) => !output.includes(text),
});

export function maskingSteps({ sql }: Scene): readonly Step[] {
  return [
    {
      title: 'It reads personal data, and gets it masked',
      ...sql(
        'shop-db',
        'SELECT c.name, c.email, c.ssn, p.card_number FROM customers c JOIN orders o ON o.customer_id = c.id JOIN payments p ON p.order_id = o.id WHERE c.id = 1 LIMIT 1',
      ),
      expects: [
        succeeds,
        shows('Grace Hopper'),
        shows('g•••@•••.com'),
        shows('[masked]'),
        shows('hash:'),
        hides('grace.hopper'),
      ],
      why: 'Masks customers-personal, customers-ids and cards. Where each value comes from is decided before anything runs.',
    },
    {
      title: 'It gives the column another name and takes it apart',
      ...sql(
        'shop-db',
        "SELECT reverse(upper(x.city)) AS product FROM (SELECT split_part(email, '@', 1) AS city FROM customers WHERE id = 1) x",
      ),
      expects: [succeeds, shows('[masked]'), hides('REPPOH')],
      why: 'A mask follows the value, not the name: what is made from a masked column is masked as a whole.',
    },
    {
      title: 'It asks about the value without reading it',
      ...sql('shop-db', "SELECT name FROM customers WHERE ssn LIKE '9%' ORDER BY id LIMIT 1"),
      expects: [fails, shows('public.customers.ssn is masked'), shows('LIKE'), hides('Grace')],
      why: 'Guessing a character at a time would give the whole value away; lookups of a whole value (=, IN) still work.',
    },
    {
      title: 'It looks up one customer by the whole address',
      ...sql(
        'shop-db',
        "SELECT name, phone FROM customers WHERE email = 'grace.hopper1@example.com'",
      ),
      expects: [succeeds, shows('Grace Hopper'), hides('555-0101')],
      why: 'predicates: equality is the default, so that a support agent finds the customer who wrote.',
    },
  ];
}
