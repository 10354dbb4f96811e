-- A few hundred rows, the same ones every time: picked by arithmetic, no randomness and no clock. Card numbers are the
-- payment industry's published test numbers; addresses end in example.com; 900-series social security numbers are never issued.

INSERT INTO customers (name, email, phone, ssn, city, created_at)
SELECT first || ' ' || last,
       lower(first || '.' || last) || n || '@example.com',
       format('+1-555-01%s', lpad((n % 100)::text, 2, '0')),
       format('9%s-%s-%s', lpad((n * 7 % 100)::text, 2, '0'), 70 + n % 10, lpad((n * 37 % 10000)::text, 4, '0')),
       (ARRAY['Lisbon', 'Oslo', 'Nairobi', 'Lima', 'Osaka', 'Toronto', 'Prague'])[1 + n % 7],
       timestamptz '2025-01-06 09:00:00+00' + n * interval '53 hours'
FROM (
  SELECT n,
         (ARRAY['Ada', 'Grace', 'Alan', 'Katherine', 'Edsger', 'Barbara', 'Donald', 'Radia', 'Ken', 'Frances', 'Niklaus'])[1 + n % 11] AS first,
         (ARRAY['Lovelace', 'Hopper', 'Turing', 'Johnson', 'Dijkstra', 'Liskov', 'Knuth', 'Perlman', 'Thompson', 'Allen', 'Wirth', 'Hamilton', 'Shannon'])[1 + n % 13] AS last
  FROM generate_series(1, 120) AS n
) AS people;

INSERT INTO products (sku, name, price, stock, attributes)
SELECT 'SKU-' || lpad(n::text, 4, '0'),
       (ARRAY['Oak', 'Walnut', 'Steel', 'Linen', 'Copper'])[1 + n % 5] || ' ' || (ARRAY['Lamp', 'Desk', 'Chair', 'Shelf', 'Clock', 'Tray', 'Stool', 'Vase'])[1 + n % 8],
       9.90 + n * 4.25,
       (n * 17) % 90,
       jsonb_build_object('weight_g', 200 + n * 35, 'colours', jsonb_build_array('natural', (ARRAY['black', 'white', 'green'])[1 + n % 3]))
FROM generate_series(1, 40) AS n;

INSERT INTO orders (customer_id, status, ordered_at, note)
SELECT 1 + (n * 31) % 120,
       (ARRAY['pending', 'paid', 'shipped', 'delivered', 'delivered', 'delivered', 'cancelled'])[1 + n % 7]::order_status,
       timestamptz '2025-03-03 08:30:00+00' + n * interval '11 hours',
       CASE WHEN n % 9 = 0 THEN 'leave with the neighbour' END
FROM generate_series(1, 360) AS n;

INSERT INTO order_items (order_id, line, product_id, quantity, price)
SELECT o.id, line, p.id, 1 + (o.id + line) % 3, p.price
FROM orders o
CROSS JOIN LATERAL generate_series(1, 1 + o.id % 4) AS line
JOIN products p ON p.id = 1 + (o.id * 7 + line * 11) % 40;

INSERT INTO payments (order_id, amount, card_holder, card_number, paid_at, refunded)
SELECT o.id, order_total(o.id), c.name,
       (ARRAY['4242424242424242', '4000056655665556', '5555555555554444', '2223003122003222', '378282246310005', '6011111111111117'])[1 + o.id % 6],
       o.ordered_at + interval '4 minutes',
       o.id % 40 = 0
FROM orders o JOIN customers c ON c.id = o.customer_id
WHERE o.status NOT IN ('pending', 'cancelled');

INSERT INTO audit.logins (customer_id, address, succeeded, at)
SELECT 1 + (n * 13) % 120, format('192.0.2.%s', n % 250)::inet, n % 8 <> 0, timestamptz '2025-03-01 00:00:00+00' + n * interval '7 hours'
FROM generate_series(1, 200) AS n;

REFRESH MATERIALIZED VIEW product_sales;
