// What a text does, over the shop of test/fixtures/shop-catalog.sql: some four hundred rows. Each says all that its text
// reads, writes and hides; see judging.ts for the defaults. facts.test.ts judges them, postgres.test.ts asks a server.
import type { Row } from './judging.ts';

const CUSTOMER_COLUMNS = 'customers.id,name,email,ssn,country,created_at';
/** active_customers and what stands behind it. */
const ACTIVE = 'active_customers customers orders';
const PAYMENTS = 'customer_payments customers orders payments';

const reading: readonly Row[] = [
  ['SELECT 1', 'read', { verbs: 'SELECT' }],
  ['SELECT', 'read'],
  ['TABLE customers', 'read', { reads: 'customers', columns: CUSTOMER_COLUMNS }],
  ['SELECT * FROM customers', 'read', { reads: 'customers', columns: CUSTOMER_COLUMNS }],
  [
    'SELECT c.* FROM customers c, orders',
    'read',
    { reads: 'customers orders', columns: CUSTOMER_COLUMNS },
  ],
  [
    'SELECT id FROM customers LIMIT 10',
    'read',
    { reads: 'customers', columns: 'customers.id', limit: 10 },
  ],
  ['SELECT id FROM customers FETCH FIRST 7 ROWS ONLY', 'read', { reads: 'customers', limit: 7 }],
  [
    'SELECT id FROM customers ORDER BY id FETCH FIRST 7 ROWS WITH TIES',
    'read',
    { reads: 'customers', limit: null },
  ],
  ['SELECT id FROM customers LIMIT ALL', 'read', { reads: 'customers', limit: null }],
  ['SELECT id FROM customers LIMIT 1 + 1', 'read', { reads: 'customers', limit: null }],
  ['SELECT id FROM customers LIMIT $1', 'read', { reads: 'customers', limit: null }],
  ['SELECT id FROM customers LIMIT 0', 'read', { reads: 'customers', limit: 0 }],
  ['(SELECT id FROM customers) LIMIT 3', 'read', { reads: 'customers', limit: 3 }],
  [
    'SELECT * FROM (SELECT id FROM customers LIMIT 3) t',
    'read',
    { reads: 'customers', limit: null, columns: 'customers.id' },
  ],
  [
    'SELECT count(*) FROM customers',
    'read',
    { reads: 'customers', columns: '', functions: 'pg_catalog.count' },
  ],
  [
    'SELECT public.customers.email FROM public.customers',
    'read',
    { reads: 'customers', columns: 'customers.email' },
  ],
  [
    'SELECT c.email FROM customers AS c WHERE c.country = $1',
    'read',
    { reads: 'customers', columns: 'customers.email,country' },
  ],
  [
    'SELECT ssn FROM audit.log, customers',
    'read',
    { reads: 'audit.log customers', columns: 'customers.ssn' },
  ],
  ['SELECT "Weird Col" FROM "Mixed Case"', 'read', { reads: 'Mixed~Case' }],
  ['SELECT * FROM ONLY customers', 'read', { reads: 'customers' }],
  ['SELECT ctid, xmin, tableoid FROM customers', 'read', { reads: 'customers', columns: '' }],
  // Whole rows, however they are written.
  ['SELECT customers FROM customers', 'read', { reads: 'customers', columns: CUSTOMER_COLUMNS }],
  [
    'SELECT row_to_json(c) FROM customers c',
    'read',
    { reads: 'customers', columns: CUSTOMER_COLUMNS },
  ],
  ['SELECT (SELECT c) FROM customers c', 'read', { reads: 'customers', columns: CUSTOMER_COLUMNS }],
  ['SELECT c::text FROM customers c', 'read', { reads: 'customers', columns: CUSTOMER_COLUMNS }],
  ['SELECT email(c) FROM customers c', 'read', { reads: 'customers', columns: CUSTOMER_COLUMNS }],
  ['SELECT (c).ssn FROM customers c', 'read', { reads: 'customers', columns: CUSTOMER_COLUMNS }],
  [
    'SELECT (c.*)::text FROM customers c',
    'read',
    { reads: 'customers', columns: CUSTOMER_COLUMNS },
  ],
  ['SELECT ROW(c.*) FROM customers c', 'read', { reads: 'customers', columns: CUSTOMER_COLUMNS }],
  [
    'SELECT to_jsonb(t) FROM (SELECT id, ssn FROM customers) t',
    'read',
    { reads: 'customers', columns: 'customers.id,ssn' },
  ],
  // Columns where nobody looks for them.
  [
    'SELECT a FROM customers AS t(w, x, y, a)',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT t.a FROM customers AS t(w, x, y, a)',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT t.country FROM customers AS t(w, x, y, a)',
    'read',
    { reads: 'customers', columns: 'customers.country' },
  ],
  [
    'SELECT j.ssn FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j',
    'read',
    { reads: 'customers orders', columns: 'customers.ssn,id orders.customer_id' },
  ],
  [
    'SELECT j.d FROM (customers JOIN audit.orders USING (id)) AS j(a, b, c, d)',
    'read',
    { reads: 'customers audit.orders', columns: 'customers.id,ssn audit.orders.id' },
  ],
  [
    'SELECT x.id FROM customers JOIN orders USING (id) AS x',
    'read',
    { reads: 'customers orders', columns: 'customers.id orders.id' },
  ],
  [
    'SELECT 1 FROM customers NATURAL JOIN orders',
    'read',
    { reads: 'customers orders', columns: 'customers.id orders.id' },
  ],
  [
    'SELECT id FROM customers JOIN orders USING (id)',
    'read',
    { reads: 'customers orders', columns: 'customers.id orders.id' },
  ],
  [
    'SELECT 1 FROM customers ORDER BY ssn',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT id AS ssn FROM customers ORDER BY ssn',
    'read',
    { reads: 'customers', columns: 'customers.id' },
  ],
  [
    'SELECT count(*) FROM customers GROUP BY ssn',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT id AS ssn FROM customers GROUP BY ssn, id',
    'read',
    { reads: 'customers', columns: 'customers.id,ssn' },
  ],
  [
    'SELECT id AS z, count(*) FROM customers GROUP BY ROLLUP (z)',
    'read',
    { reads: 'customers', columns: 'customers.id' },
  ],
  [
    'SELECT 1 FROM customers GROUP BY country HAVING max(ssn) > $1',
    'read',
    { reads: 'customers', columns: 'customers.country,ssn' },
  ],
  [
    'SELECT DISTINCT ON (ssn) id FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.ssn,id' },
  ],
  [
    'SELECT rank() OVER (ORDER BY ssn) FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT rank() OVER w FROM customers WINDOW w AS (PARTITION BY ssn)',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT count(*) FILTER (WHERE ssn IS NULL) FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT string_agg(name, $1 ORDER BY ssn) FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.name,ssn' },
  ],
  [
    'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM orders',
    'read',
    { reads: 'orders', columns: 'orders.total' },
  ],
  [
    'SELECT CASE WHEN ssn IS NULL THEN 1 END FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT ARRAY(SELECT ssn FROM customers)',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  ['SELECT tags[id] FROM products', 'read', { reads: 'products', columns: 'products.tags,id' }],
  [
    'SELECT 1 LIMIT (SELECT count(*) FROM customers WHERE ssn = $1)',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'VALUES ((SELECT ssn FROM customers LIMIT 1))',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT JSON_OBJECT($1 : ssn) FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT JSON_ARRAYAGG(ssn ORDER BY id) FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.ssn,id' },
  ],
  [
    'SELECT xmlforest(ssn) FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    "SELECT t.a FROM customers, JSON_TABLE(name::jsonb, '$' COLUMNS (a text PATH '$')) t",
    'read',
    { reads: 'customers', columns: 'customers.name' },
  ],
  [
    "SELECT x.a FROM customers, XMLTABLE('/a' PASSING (name::xml) COLUMNS a text) x",
    'read',
    { reads: 'customers', columns: 'customers.name' },
  ],
  // Subqueries, LATERAL and levels.
  [
    'SELECT 1 FROM orders o WHERE EXISTS (SELECT * FROM customers c WHERE c.id = o.customer_id)',
    'read',
    { reads: 'customers orders', columns: 'customers.id orders.customer_id' },
  ],
  [
    'SELECT (SELECT name FROM customers c WHERE c.id = customer_id) FROM orders',
    'read',
    { reads: 'customers orders', columns: 'customers.id,name orders.customer_id' },
  ],
  [
    'SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers)',
    'read',
    { reads: 'customers orders', columns: 'customers.id orders.id,customer_id' },
  ],
  [
    'SELECT 1 FROM customers c, LATERAL (SELECT c.ssn) x',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT 1 FROM customers c, unnest(ARRAY[c.ssn]) x',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT s FROM customers c, unnest(ARRAY[c.ssn]) AS x(s)',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT g, n FROM generate_series(1, 3) WITH ORDINALITY AS t(g, n)',
    'read',
    { functions: 'pg_catalog.generate_series' },
  ],
  ["SELECT r.a FROM jsonb_to_recordset('[]') AS r(a int, b text)", 'read'],
  [
    'SELECT key, value FROM products, jsonb_each(attributes)',
    'read',
    { reads: 'products', columns: 'products.attributes' },
  ],
  ['SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(3, 4)) AS t(a, b)', 'read'],
  ['SELECT * FROM customers TABLESAMPLE system (10)', 'read', { reads: 'customers' }],
  [
    'SELECT id FROM customers UNION ALL SELECT id FROM orders ORDER BY id LIMIT 5',
    'read',
    { reads: 'customers orders', columns: 'customers.id orders.id', limit: 5 },
  ],
  [
    'SELECT ssn FROM customers EXCEPT SELECT card_number FROM payments',
    'read',
    { reads: 'customers payments', columns: 'customers.ssn payments.card_number' },
  ],
  // CTEs and what they shadow.
  ['WITH customers AS (SELECT 1 AS ssn) SELECT ssn FROM customers', 'read', { columns: '' }],
  [
    'WITH customers AS (SELECT 1 AS ssn) SELECT id FROM public.customers',
    'read',
    { reads: 'customers', columns: 'customers.id' },
  ],
  [
    'WITH customers AS (SELECT id FROM customers) SELECT * FROM customers',
    'read',
    { reads: 'customers', columns: 'customers.id' },
  ],
  [
    'WITH a AS (SELECT ssn FROM customers), b AS (SELECT * FROM a) SELECT * FROM b',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'WITH a AS (SELECT * FROM orders), orders AS (SELECT 1) SELECT 1 FROM a, orders',
    'read',
    { reads: 'orders' },
  ],
  [
    'WITH RECURSIVE a AS (SELECT * FROM orders), orders AS (SELECT 1 AS x) SELECT 1 FROM a',
    'read',
    { reads: '' },
  ],
  [
    'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT n FROM t',
    'read',
  ],
  [
    'WITH RECURSIVE t AS (SELECT *, 1 AS depth FROM orders UNION ALL SELECT o.*, depth + 1 FROM orders o JOIN t ON t.id = o.customer_id) SELECT depth FROM t',
    'read',
    { reads: 'orders' },
  ],
  [
    'SELECT (WITH x AS (SELECT ssn FROM customers) SELECT max(ssn) FROM x)',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'SELECT * FROM (WITH orders AS (SELECT 1 AS one) SELECT * FROM orders) t, orders o',
    'read',
    { reads: 'orders' },
  ],
  // Views, nested and materialised, and the columns behind them.
  [
    'SELECT name FROM active_customers',
    'read',
    { reads: ACTIVE, columns: 'active_customers.name customers.id,name,email orders.customer_id' },
  ],
  [
    'SELECT n FROM payment_summary',
    'read',
    { reads: `payment_summary ${PAYMENTS}`, functions: 'pg_catalog.count pg_catalog.sum' },
  ],
  [
    'SELECT day FROM daily_sales',
    'read',
    {
      reads: 'daily_sales orders',
      columns: 'daily_sales.day orders.placed_at,total',
      functions: '',
    },
  ],
  [
    'SELECT * FROM labels',
    'opaque',
    { reads: 'labels customers', opaque: 'user_function', functions: 'public.full_label' },
  ],
  [
    'SELECT id FROM purging',
    'opaque',
    { reads: 'purging customers', opaque: 'user_function', functions: 'public.purge_customer' },
  ],
  ['SELECT * FROM pg_settings', 'read', { reads: 'pg_catalog.pg_settings' }],
  [
    'SELECT table_name FROM information_schema.tables LIMIT 1',
    'read',
    {
      reads:
        'information_schema.tables pg_catalog.pg_class pg_catalog.pg_namespace pg_catalog.pg_type',
    },
  ],
  // Partitions and inheritance.
  ['SELECT kind FROM events', 'read', { reads: 'events', columns: 'events.kind' }],
  [
    'SELECT kind FROM events_2025',
    'read',
    { reads: 'events events_2025', columns: 'events.kind events_2025.kind' },
  ],
  [
    'SELECT note FROM archive',
    'read',
    { reads: 'archive archive_old', columns: 'archive.note archive_old.note' },
  ],
  ['SELECT note FROM ONLY archive', 'read', { reads: 'archive', columns: 'archive.note' }],
  [
    'SELECT legacy_ssn FROM archive_old',
    'read',
    { reads: 'archive archive_old', columns: 'archive_old.legacy_ssn' },
  ],
];

const calling: readonly Row[] = [
  ['SELECT now(), lower($1), current_date, gen_random_uuid(), pg_sleep(0)', 'read'],
  ['SELECT current_user, session_user, current_schemas(true), version()', 'read'],
  ["SELECT has_table_privilege('customers', 'DELETE') AS delete", 'read'],
  [
    "SELECT extract(year FROM now()), trim('x'), position('a' IN 'b'), substring('abc' FROM 1)",
    'read',
  ],
  ["SELECT 'x' LIKE 'y', 1 BETWEEN 2 AND 3, 'a' SIMILAR TO 'b', now() AT TIME ZONE 'utc'", 'read'],
  ["SELECT nextval('invoice_seq')", 'write', { writes: 'invoice_seq' }],
  ["SELECT nextval('public.invoice_seq'::regclass)", 'write', { writes: 'invoice_seq' }],
  ["SELECT setval('invoice_seq', 1)", 'write', { writes: 'invoice_seq' }],
  ["SELECT currval('invoice_seq')", 'read', { reads: 'invoice_seq' }],
  ["SELECT nextval('nowhere')", 'opaque', { opaque: 'unknown_relation', unresolved: 'nowhere' }],
  ['SELECT nextval($1)', 'write'],
  ["SELECT pg_notify('a', 'b')", 'write'],
  ['SELECT pg_advisory_lock(1)', 'read'],
  ['SELECT pg_terminate_backend(1)', 'admin'],
  [
    'SELECT pg_cancel_backend(pid) FROM pg_stat_activity',
    'admin',
    { reads: 'pg_catalog.pg_authid pg_catalog.pg_database pg_catalog.pg_stat_activity' },
  ],
  ['SELECT pg_reload_conf()', 'admin'],
  ["SELECT pg_read_file('/etc/passwd')", 'admin'],
  ["SELECT pg_catalog.pg_read_file('/etc/passwd')", 'admin'],
  ["SELECT * FROM pg_ls_dir('.')", 'admin'],
  ['SELECT * FROM pg_hba_file_rules', 'admin', { reads: 'pg_catalog.pg_hba_file_rules' }],
  ["SELECT lo_import('/etc/passwd')", 'admin'],
  ["SELECT lo_export(1, '/tmp/x')", 'admin'],
  ['SELECT lo_get(1)', 'opaque', { opaque: 'large_object' }],
  ['SELECT lo_unlink(1)', 'opaque', { opaque: 'large_object' }],
  [
    "SELECT query_to_xml('delete from customers returning *', true, true, '')",
    'opaque',
    { opaque: 'dynamic_sql' },
  ],
  ["SELECT table_to_xml('customers', true, true, '')", 'opaque', { opaque: 'dynamic_sql' }],
  ["SELECT database_to_xml(true, true, '')", 'opaque', { opaque: 'dynamic_sql' }],
  [
    "SELECT * FROM ts_stat('select ssn::tsvector from customers')",
    'opaque',
    { opaque: 'dynamic_sql' },
  ],
  [
    "SELECT ts_rewrite('a'::tsquery, 'select t, s from x')",
    'opaque',
    { opaque: 'volatile_function' },
  ],
  ["SELECT ts_rewrite('a'::tsquery, 'a'::tsquery, 'b'::tsquery)", 'read'],
  ["SELECT currtid2('customers', '(0,1)')", 'opaque', { opaque: 'dynamic_sql' }],
  ["SELECT pg_logical_slot_get_changes('s', null, null)", 'admin'],
  ['SELECT pg_switch_wal()', 'admin'],
  ['SELECT pg_stat_reset()', 'admin'],
  ['SELECT binary_upgrade_set_next_pg_type_oid(1)', 'opaque', { opaque: 'volatile_function' }],
  [
    "SELECT extensions.dblink('host=x', 'delete from t')",
    'opaque',
    { opaque: 'volatile_function' },
  ],
  [
    "SELECT * FROM extensions.dblink('c', 'delete from t') AS t(a int)",
    'opaque',
    { opaque: 'volatile_function' },
  ],
  [
    "SELECT * FROM extensions.crosstab('select ssn from customers') AS t(a text)",
    'opaque',
    { opaque: 'dynamic_sql' },
  ],
  [
    "SELECT extensions.crypt($1, extensions.gen_salt('bf'))",
    'read',
    { functions: 'extensions.crypt extensions.gen_salt' },
  ],
  // Functions of somebody's own, whatever they claim to be.
  ['SELECT vat(10)', 'opaque', { opaque: 'user_function', functions: 'public.vat' }],
  ['SELECT public.vat(total) FROM orders', 'opaque', { reads: 'orders', opaque: 'user_function' }],
  ['SELECT purge_customer(1)', 'opaque', { opaque: 'user_function' }],
  ['SELECT * FROM recent_orders(3)', 'opaque', { opaque: 'user_function' }],
  [
    'SELECT c.full_label FROM customers c',
    'opaque',
    { reads: 'customers', opaque: 'user_function', functions: 'public.full_label' },
  ],
  [
    'SELECT (c).full_label FROM customers c',
    'opaque',
    { reads: 'customers', opaque: 'user_function' },
  ],
  [
    'SELECT audit.collect(name) FROM customers',
    'opaque',
    { reads: 'customers', opaque: 'user_function' },
  ],
  ['SELECT 1 ORDER BY purge_customer(1)', 'opaque', { opaque: 'user_function' }],
  ['SELECT 1 LIMIT purge_customer(1)', 'opaque', { opaque: 'user_function' }],
  ['VALUES (purge_customer(1))', 'opaque', { opaque: 'user_function' }],
  ['SELECT sum(1) OVER (ROWS purge_customer(1) PRECEDING)', 'opaque', { opaque: 'user_function' }],
  [
    'SELECT tags[purge_customer(1)] FROM products',
    'opaque',
    { reads: 'products', opaque: 'user_function' },
  ],
  [
    'SELECT * FROM customers TABLESAMPLE system (purge_customer(1))',
    'opaque',
    { reads: 'customers', opaque: 'user_function' },
  ],
  ['SELECT CASE purge_customer(1) WHEN 1 THEN 2 END', 'opaque', { opaque: 'user_function' }],
  [
    'SELECT coalesce(greatest(nullif(purge_customer(1), 0), 1), 2)',
    'opaque',
    { opaque: 'user_function' },
  ],
  ['SELECT JSON_OBJECT($1 : purge_customer(1))', 'opaque', { opaque: 'user_function' }],
  ['SELECT 1 WHERE ROW(purge_customer(1), 2) = ROW(1, 2)', 'opaque', { opaque: 'user_function' }],
  [
    'SELECT count(*) FILTER (WHERE purge_customer(1) = 1) FROM orders',
    'opaque',
    { reads: 'orders', opaque: 'user_function' },
  ],
  ['SELECT purge_customer(1) COLLATE "C"', 'opaque', { opaque: 'user_function' }],
  [
    'SELECT max(purge_customer(1)) WITHIN GROUP (ORDER BY 1)',
    'opaque',
    { opaque: 'user_function' },
  ],
  [
    'SELECT nothing_like_it(1)',
    'opaque',
    { opaque: 'unknown_function', unresolved: 'nothing_like_it()' },
  ],
  ['SELECT lower(1, 2, 3)', 'opaque', { opaque: 'unknown_function', unresolved: 'lower()' }],
  // Operators and types.
  ["SELECT 'a' OPERATOR(audit.===) 'b'", 'opaque', { opaque: 'user_operator' }],
  ["SELECT 'a' OPERATOR(pg_catalog.~) 'b'", 'read'],
  ["SELECT 'DE00'::iban", 'opaque', { opaque: 'user_type' }],
  ["SELECT CAST('DE00' AS public.iban)", 'opaque', { opaque: 'user_type' }],
  ["SELECT iban('DE00')", 'opaque', { opaque: 'user_type' }],
  ["SELECT '{a}'::iban[]", 'opaque', { opaque: 'user_type' }],
  ["SELECT 5::positive, 'new'::order_status, 'customers'::regclass", 'read'],
  ['SELECT 5::no_such_type', 'opaque', { opaque: 'unknown_type', unresolved: 'no_such_type' }],
];

const writing: readonly Row[] = [
  [
    'INSERT INTO customers VALUES (1)',
    'write',
    { writes: 'customers', columns: CUSTOMER_COLUMNS, verbs: 'INSERT' },
  ],
  [
    'INSERT INTO customers (id, ssn) VALUES (1, $1)',
    'write',
    { writes: 'customers', columns: 'customers.id,ssn' },
  ],
  ['INSERT INTO customers DEFAULT VALUES', 'write', { writes: 'customers' }],
  [
    'INSERT INTO customers (id) SELECT id FROM orders',
    'write',
    {
      writes: 'customers',
      reads: 'orders',
      columns: 'customers.id orders.id',
      verbs: 'INSERT',
    },
  ],
  [
    'INSERT INTO customers (id) VALUES (1) RETURNING ssn',
    'write',
    { writes: 'customers', reads: 'customers', columns: 'customers.id,ssn' },
  ],
  [
    'INSERT INTO customers (id) VALUES (1) RETURNING *',
    'write',
    { writes: 'customers', reads: 'customers', columns: CUSTOMER_COLUMNS },
  ],
  [
    'INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = excluded.name',
    'write',
    { writes: 'customers', columns: 'customers.id,name', verbs: 'INSERT, UPDATE' },
  ],
  [
    'INSERT INTO customers AS c (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = c.ssn WHERE c.country = $1',
    'write',
    { writes: 'customers', reads: 'customers', columns: 'customers.id,name,ssn,country' },
  ],
  [
    'INSERT INTO customers (id) VALUES (1) ON CONFLICT DO NOTHING',
    'write',
    { writes: 'customers' },
  ],
  [
    'INSERT INTO customers (id) VALUES (purge_customer(2))',
    'opaque',
    { writes: 'customers', opaque: 'user_function' },
  ],
  [
    'UPDATE customers SET name = $1 WHERE id = 1',
    'write',
    { writes: 'customers', reads: 'customers', columns: 'customers.id,name' },
  ],
  [
    'UPDATE customers SET name = $1',
    'write',
    { writes: 'customers', whereless: true, columns: 'customers.name' },
  ],
  [
    'UPDATE customers c SET name = o.total FROM orders o WHERE o.customer_id = c.id',
    'write',
    { writes: 'customers', reads: 'customers orders' },
  ],
  [
    'UPDATE customers SET (name, email) = (SELECT a, b FROM audit.log AS l(a, b)) WHERE id = 1',
    'write',
    { writes: 'customers', reads: 'audit.log customers' },
  ],
  [
    'UPDATE products SET tags[id] = $1 WHERE id = 1',
    'write',
    { writes: 'products', reads: 'products', columns: 'products.id,tags' },
  ],
  [
    'UPDATE customers SET name = $1 WHERE id = 1 RETURNING old.ssn, new.email',
    'write',
    { writes: 'customers', reads: 'customers', columns: 'customers.id,name,ssn,email' },
  ],
  [
    'UPDATE customers SET name = $1 WHERE id = 1 RETURNING WITH (OLD AS o) o.ssn',
    'write',
    { writes: 'customers', reads: 'customers', columns: 'customers.id,name,ssn' },
  ],
  [
    'UPDATE ONLY archive SET note = $1 WHERE id = 1',
    'write',
    { writes: 'archive', reads: 'archive' },
  ],
  [
    'UPDATE archive SET note = $1 WHERE id = 1',
    'write',
    { writes: 'archive archive_old', reads: 'archive archive_old' },
  ],
  [
    'DELETE FROM orders WHERE id = 1',
    'write',
    { writes: 'orders', reads: 'orders', columns: 'orders.id' },
  ],
  ['DELETE FROM orders', 'write', { writes: 'orders', whereless: true }],
  [
    'DELETE FROM orders o USING customers c WHERE c.id = o.customer_id',
    'write',
    { writes: 'orders', reads: 'customers orders' },
  ],
  [
    'DELETE FROM events_2025 WHERE id = 1',
    'write',
    { writes: 'events events_2025', reads: 'events events_2025' },
  ],
  ['DELETE FROM orders WHERE CURRENT OF c', 'write', { writes: 'orders' }],
  ['TRUNCATE orders', 'write', { writes: 'orders', whereless: true, verbs: 'TRUNCATE TABLE' }],
  ['TRUNCATE orders, audit.log', 'write', { writes: 'orders audit.log', whereless: true }],
  [
    'TRUNCATE orders CASCADE',
    'opaque',
    { writes: 'orders', whereless: true, opaque: 'truncate_cascade' },
  ],
  [
    'MERGE INTO orders o USING customers c ON c.id = o.customer_id WHEN MATCHED THEN DELETE',
    'write',
    { writes: 'orders', reads: 'customers orders', verbs: 'DELETE, MERGE' },
  ],
  [
    'MERGE INTO orders o USING customers c ON true WHEN MATCHED THEN DELETE',
    'write',
    { writes: 'orders', reads: 'customers', whereless: true },
  ],
  [
    'MERGE INTO orders o USING customers c ON c.id = o.id WHEN NOT MATCHED BY SOURCE THEN DELETE',
    'write',
    { writes: 'orders', reads: 'customers orders', whereless: true },
  ],
  [
    'MERGE INTO orders o USING customers c ON c.id = o.id WHEN NOT MATCHED THEN INSERT (id) VALUES (c.ssn::int)',
    'write',
    { writes: 'orders', reads: 'customers orders', columns: 'customers.id,ssn orders.id' },
  ],
  [
    'MERGE INTO orders o USING customers c ON c.id = o.id WHEN MATCHED THEN UPDATE SET total = purge_customer(1)',
    'opaque',
    { writes: 'orders', reads: 'customers orders', opaque: 'user_function' },
  ],
  [
    'MERGE INTO orders o USING customers c ON c.id = o.id WHEN MATCHED THEN DO NOTHING RETURNING o.total',
    'write',
    { writes: 'orders', reads: 'customers orders' },
  ],
  // Views, rules, system tables.
  [
    'UPDATE updatable_customers SET name = $1 WHERE id = 1',
    'write',
    { writes: 'updatable_customers customers', reads: 'updatable_customers customers' },
  ],
  [
    'DELETE FROM updatable_customers',
    'write',
    { writes: 'updatable_customers customers', reads: 'customers', whereless: true },
  ],
  [
    'INSERT INTO updatable_customers (id) VALUES (1)',
    'write',
    { writes: 'updatable_customers customers', reads: 'customers' },
  ],
  [
    'DELETE FROM ruled WHERE id = 1',
    'opaque',
    { writes: 'ruled', reads: 'ruled', opaque: 'rewrite_rule' },
  ],
  ['SELECT * FROM ruled', 'read', { reads: 'ruled' }],
  [
    'UPDATE pg_catalog.pg_class SET relname = $1 WHERE oid = 1',
    'admin',
    { writes: 'pg_catalog.pg_class', reads: 'pg_catalog.pg_class' },
  ],
  [
    "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
    'opaque',
    {
      writes: 'pg_catalog.pg_settings',
      reads: 'pg_catalog.pg_settings',
      opaque: 'rewrite_rule',
      refusal: 'guarded_setting',
    },
  ],
  // Locks count as writing.
  ['SELECT id FROM customers FOR UPDATE', 'write', { reads: 'customers', writes: 'customers' }],
  [
    'SELECT 1 FROM customers c, orders o FOR SHARE OF o',
    'write',
    { reads: 'customers orders', writes: 'orders' },
  ],
  ['SELECT 1 FROM active_customers FOR UPDATE', 'write', { reads: ACTIVE, writes: ACTIVE }],
  [
    'SELECT 1 FROM (SELECT id FROM customers) t FOR UPDATE',
    'write',
    { reads: 'customers', writes: 'customers' },
  ],
  [
    'LOCK TABLE customers IN ACCESS EXCLUSIVE MODE',
    'write',
    { writes: 'customers', verbs: 'LOCK TABLE' },
  ],
  ["NOTIFY channel, 'payload'", 'write', { verbs: 'NOTIFY' }],
];

/** hoop's bypasses: a delete that does not look like one. */
const hiddenDeletes: readonly Row[] = [
  [
    "SELECT E'\\'', 1; DELETE FROM orders; --'",
    'write',
    { writes: 'orders', whereless: true, verbs: 'DELETE, SELECT' },
  ],
  [
    'WITH gone AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM gone',
    'write',
    { reads: 'orders', writes: 'orders', whereless: true },
  ],
  ['SELECT $$($$, 1; DELETE FROM orders', 'write', { writes: 'orders', whereless: true }],
  ['SELECT $tag$ $$ ; $tag$; DELETE FROM orders', 'write', { writes: 'orders', whereless: true }],
  [
    'MERGE INTO orders USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE',
    'write',
    { writes: 'orders', whereless: true, verbs: 'DELETE, MERGE' },
  ],
  [
    'COPY (DELETE FROM orders RETURNING id) TO STDOUT',
    'write',
    { reads: 'orders', writes: 'orders', whereless: true, verbs: 'COPY, DELETE' },
  ],
  [
    'EXPLAIN ANALYZE DELETE FROM orders',
    'write',
    { writes: 'orders', whereless: true, verbs: 'DELETE, EXPLAIN' },
  ],
  [
    'WITH "select" AS (DELETE FROM orders RETURNING 1) SELECT 1',
    'write',
    { writes: 'orders', whereless: true },
  ],
  [
    'WITH orders AS (SELECT 1) DELETE FROM orders',
    'write',
    { writes: 'orders', whereless: true, verbs: 'DELETE' },
  ],
  [
    '/* SELECT */ DELETE /* FROM x */ FROM orders -- WHERE id = 1',
    'write',
    { writes: 'orders', whereless: true },
  ],
  [
    '/* /* nested */ DELETE FROM customers; */ DELETE FROM orders',
    'write',
    { writes: 'orders', whereless: true },
  ],
  ['DELETE FROM "orders"', 'write', { writes: 'orders', whereless: true }],
  ['DELETE FROM U&"\\006frders"', 'write', { writes: 'orders', whereless: true }],
  ['DELETE FROM U&"!006frders" UESCAPE \'!\'', 'write', { writes: 'orders', whereless: true }],
  ['DELETE FROM shop.public.orders', 'write', { writes: 'orders', whereless: true }],
  ['DELETE\u000bFROM\forders', 'write', { writes: 'orders', whereless: true }],
  ['SELECT 1;;; DELETE FROM orders;', 'write', { writes: 'orders', whereless: true }],
  ["SELECT 'a'\n'b;'; DELETE FROM orders", 'write', { writes: 'orders', whereless: true }],
  ["SELECT 'a\\'; DELETE FROM orders; --'", 'write', { writes: 'orders', whereless: true }],
  [
    'EXPLAIN (ANALYZE 1, COSTS off) DELETE FROM orders',
    'write',
    { writes: 'orders', whereless: true },
  ],
  ["EXPLAIN (ANALYZE 'true') DELETE FROM orders", 'write', { writes: 'orders', whereless: true }],
  [
    'EXPLAIN (ANALYZE off, ANALYZE) DELETE FROM orders',
    'write',
    { writes: 'orders', whereless: true },
  ],
];

const mustNotFlag: readonly Row[] = [
  ['/* DELETE FROM orders /* nested */ */ SELECT 1', 'read'],
  ['EXPLAIN DELETE FROM orders', 'read', { reads: 'orders', verbs: 'EXPLAIN' }],
  ['EXPLAIN (ANALYZE off) DELETE FROM orders', 'read', { reads: 'orders' }],
  ['EXPLAIN (ANALYZE false, VERBOSE) UPDATE orders SET total = 0', 'read', { reads: 'orders' }],
  [
    'SELECT 1 FROM orders WHERE id IN (SELECT id FROM customers)',
    'read',
    { reads: 'customers orders' },
  ],
  [
    'DELETE FROM orders USING customers c WHERE orders.customer_id = c.id',
    'write',
    { reads: 'customers orders', writes: 'orders' },
  ],
  ['CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM orders $$', 'schema'],
  ["SELECT 'DELETE FROM orders; DROP TABLE x' AS note", 'read'],
  ['SELECT 1 AS delete, 2 AS "drop table"', 'read'],
  ["SELECT 'it''s; DELETE FROM orders'", 'read'],
  ['SELECT $$ ; DELETE FROM orders; $$', 'read'],
  ["SELECT 'a;b' ; SELECT ';' ; -- ; DELETE FROM orders", 'read'],
];

const alwaysTrue: readonly Row[] = [
  'true',
  '1 = 1',
  "'a' = 'a'",
  'NOT false',
  'id = 1 OR true',
  '1 = 1 AND 2 > 1',
  'id = id',
  'id IS NULL OR id IS NOT NULL',
  "'t'::boolean",
  'EXISTS (SELECT 1)',
  'true IS TRUE',
  '1 IN (1, 2)',
  '1 IS NOT NULL',
  'NOT (1 = 2)',
].map((condition): Row => [
  `DELETE FROM orders WHERE ${condition}`,
  'write',
  { writes: 'orders', whereless: true, ...(/\bid\b/.test(condition) ? { reads: 'orders' } : {}) },
]);

const sometimesTrue: readonly Row[] = [
  'id = 1',
  'id > 0',
  '1 = 2',
  'false',
  'id = 1 AND true',
  '$1',
  'NULL',
].map((condition): Row => [
  `DELETE FROM orders WHERE ${condition}`,
  'write',
  { writes: 'orders', ...(/\bid\b/.test(condition) ? { reads: 'orders' } : {}) },
]);

const copying: readonly Row[] = [
  [
    'COPY customers TO STDOUT',
    'read',
    { reads: 'customers', columns: CUSTOMER_COLUMNS, copyIn: false },
  ],
  [
    'COPY customers (id, ssn) TO STDOUT WITH (FORMAT csv)',
    'read',
    { reads: 'customers', columns: 'customers.id,ssn' },
  ],
  [
    'COPY (SELECT ssn FROM customers) TO STDOUT',
    'read',
    { reads: 'customers', columns: 'customers.ssn' },
  ],
  [
    'COPY customers (id, ssn) FROM STDIN',
    'write',
    { writes: 'customers', columns: 'customers.id,ssn', copyIn: true },
  ],
  [
    'COPY customers FROM STDIN WHERE purge_customer(id::int) = 1',
    'opaque',
    { writes: 'customers', opaque: 'user_function', copyIn: true },
  ],
  ["COPY customers TO '/tmp/x'", 'admin', { reads: 'customers' }],
  ["COPY customers FROM '/tmp/x'", 'admin', { writes: 'customers', copyIn: false }],
  ["COPY (SELECT 1) TO PROGRAM 'sh'", 'admin'],
  ["COPY customers FROM PROGRAM 'sh'", 'admin', { writes: 'customers', copyIn: false }],
  ['COPY payment_summary TO STDOUT', 'read', { reads: `payment_summary ${PAYMENTS}` }],
  ['COPY (SELECT purge_customer(1)) TO STDOUT', 'opaque', { opaque: 'user_function' }],
  ['COPY ruled FROM STDIN', 'opaque', { writes: 'ruled', opaque: 'rewrite_rule', copyIn: true }],
];

const defining: readonly Row[] = [
  ['CREATE TABLE t (a int)', 'schema', { writes: 't', verbs: 'CREATE TABLE', changes: 'catalog' }],
  ['CREATE TEMP TABLE t (a int)', 'schema', { writes: 'pg_temp.t', changes: 'catalog state' }],
  [
    'CREATE TABLE t AS SELECT ssn FROM customers',
    'schema',
    { writes: 't', reads: 'customers', verbs: 'CREATE TABLE AS' },
  ],
  [
    'SELECT ssn INTO t FROM customers',
    'schema',
    { writes: 't', reads: 'customers', verbs: 'SELECT INTO', changes: 'catalog' },
  ],
  [
    'SELECT id INTO t FROM customers UNION SELECT id FROM orders',
    'schema',
    { writes: 't', reads: 'customers orders' },
  ],
  [
    'SELECT id INTO TEMP t FROM customers',
    'schema',
    { writes: 'pg_temp.t', reads: 'customers', changes: 'catalog state' },
  ],
  ['CREATE VIEW v AS SELECT ssn FROM customers', 'schema', { writes: 'v', reads: 'customers' }],
  [
    'CREATE MATERIALIZED VIEW v AS SELECT ssn FROM customers',
    'schema',
    { writes: 'v', reads: 'customers' },
  ],
  [
    'CREATE TABLE t AS SELECT purge_customer(1)',
    'opaque',
    { writes: 't', opaque: 'user_function' },
  ],
  ['REFRESH MATERIALIZED VIEW daily_sales', 'schema', { writes: 'daily_sales', reads: 'orders' }],
  [
    'CREATE TABLE t (a int REFERENCES customers, LIKE orders)',
    'schema',
    { writes: 't', reads: 'customers orders' },
  ],
  ["CREATE TABLE t (a text DEFAULT pg_read_file('/etc/passwd'))", 'admin', { writes: 't' }],
  ['CREATE TABLE t (a int DEFAULT vat(1))', 'schema', { writes: 't', functions: 'public.vat' }],
  ['CREATE TABLE t PARTITION OF events DEFAULT', 'schema', { writes: 't', reads: 'events' }],
  [
    'ALTER TABLE customers ADD COLUMN x int',
    'schema',
    { writes: 'customers', verbs: 'ALTER TABLE' },
  ],
  [
    "ALTER TABLE customers ALTER name TYPE text USING pg_read_file('/etc/passwd')",
    'admin',
    { writes: 'customers' },
  ],
  [
    'ALTER TABLE customers ALTER name TYPE text USING purge_customer(id::int)',
    'opaque',
    { writes: 'customers', opaque: 'user_function' },
  ],
  ['ALTER TABLE audit.log INHERIT payments', 'schema', { writes: 'audit.log', reads: 'payments' }],
  [
    'ALTER TABLE events ATTACH PARTITION payments DEFAULT',
    'schema',
    { writes: 'events', reads: 'payments' },
  ],
  ['ALTER TABLE customers OWNER TO mallory', 'admin', { writes: 'customers' }],
  ['ALTER TABLE payments DISABLE ROW LEVEL SECURITY', 'admin', { writes: 'payments' }],
  ['ALTER TABLE customers RENAME TO clients', 'schema', { writes: 'customers' }],
  [
    'ALTER TABLE nowhere ADD COLUMN x int',
    'opaque',
    { writes: '', opaque: 'unknown_relation', unresolved: 'nowhere' },
  ],
  ['DROP TABLE customers', 'schema', { writes: 'customers', verbs: 'DROP TABLE' }],
  [
    'DROP TABLE IF EXISTS customers, audit.log CASCADE',
    'schema',
    { writes: 'customers audit.log' },
  ],
  ['DROP VIEW active_customers', 'schema', { writes: 'active_customers', verbs: 'DROP VIEW' }],
  ['DROP FUNCTION vat(numeric)', 'schema', { verbs: 'DROP FUNCTION' }],
  ['DROP SCHEMA audit CASCADE', 'schema', { changes: 'catalog state' }],
  ['DROP POLICY p ON payments', 'admin', { writes: 'payments' }],
  [
    'CREATE INDEX ON customers (lower(email))',
    'schema',
    { writes: 'customers', functions: 'pg_catalog.lower' },
  ],
  [
    'CREATE INDEX ON customers (vat(id))',
    'opaque',
    { writes: 'customers', opaque: 'user_function' },
  ],
  [
    'CREATE TRIGGER t BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION touch()',
    'schema',
    { writes: 'customers' },
  ],
  [
    'CREATE RULE r AS ON INSERT TO customers DO ALSO DELETE FROM orders',
    'schema',
    { writes: 'customers', reads: 'orders' },
  ],
  ['CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$', 'schema'],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'system'", 'admin'],
  ['CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS $$ $$', 'admin'],
  [
    'CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)',
    'schema',
    { verbs: 'CREATE OPERATOR' },
  ],
  ['CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION touch()', 'schema'],
  ["COMMENT ON TABLE customers IS 'x'", 'schema', { verbs: 'COMMENT' }],
  ['VACUUM FULL customers', 'schema', { writes: 'customers', verbs: 'VACUUM' }],
  ['ANALYZE', 'schema', { verbs: 'ANALYZE' }],
  ['REINDEX TABLE customers', 'schema', { writes: 'customers' }],
  ['CLUSTER customers', 'schema', { writes: 'customers' }],
];

export const ADMINISTERING: readonly Row[] = [
  'GRANT SELECT ON customers TO mallory',
  'REVOKE ALL ON customers FROM mallory',
  'GRANT admin TO mallory',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO mallory',
  'CREATE ROLE mallory SUPERUSER',
  "ALTER ROLE app SET search_path = 'x'",
  'ALTER ROLE app SUPERUSER',
  'DROP ROLE app',
  'REASSIGN OWNED BY app TO mallory',
  "ALTER SYSTEM SET archive_command = 'sh'",
  'ALTER DATABASE shop SET default_transaction_read_only = on',
  'CREATE DATABASE x',
  'DROP DATABASE shop',
  'CREATE EXTENSION plpython3u',
  "CREATE SUBSCRIPTION s CONNECTION 'host=evil' PUBLICATION p",
  'CREATE PUBLICATION p FOR ALL TABLES',
  "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'evil')",
  'CREATE USER MAPPING FOR PUBLIC SERVER s',
  'IMPORT FOREIGN SCHEMA x FROM SERVER s INTO public',
  "SECURITY LABEL ON TABLE customers IS 'x'",
  "LOAD '/tmp/evil.so'",
  'CHECKPOINT',
  "COMMIT PREPARED 'x'",
  "ROLLBACK PREPARED 'x'",
].map((sql): Row => [sql, 'admin']);

const session: readonly Row[] = [
  ['', 'session', { changes: '' }],
  ['  -- nothing', 'session'],
  ['/* nothing */ ;;', 'session'],
  ['BEGIN', 'session', { verbs: 'BEGIN', changes: '' }],
  ['START TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY', 'session'],
  ['COMMIT', 'session', { changes: 'state' }],
  ['ROLLBACK', 'session', { changes: 'state' }],
  ['SAVEPOINT a', 'session', { changes: '' }],
  ['RELEASE a', 'session', { changes: '' }],
  ['ROLLBACK TO a', 'session', { changes: 'state' }],
  ["PREPARE TRANSACTION 'x'", 'write', { changes: 'state' }],
  ['SHOW search_path', 'session', { verbs: 'SHOW' }],
  ['SHOW ALL', 'session'],
  ['LISTEN a', 'session'],
  ['UNLISTEN *', 'session'],
  ['SET CONSTRAINTS ALL DEFERRED', 'session'],
  ['DISCARD ALL', 'session', { changes: 'discard' }],
  ['DISCARD PLANS', 'session', { changes: '' }],
  ['DISCARD TEMP', 'session', { changes: 'catalog state' }],
  ['DEALLOCATE p', 'session', { changes: 'deallocate' }],
  ['CLOSE ALL', 'session', { changes: 'close' }],
  [
    'DO $$ BEGIN DELETE FROM orders; END $$',
    'opaque',
    { opaque: 'do_block', changes: 'catalog state' },
  ],
  ['CALL purge()', 'opaque', { opaque: 'procedure_call', functions: 'purge' }],
];

const unknown: readonly Row[] = [
  ['SELECT * FROM nowhere', 'opaque', { opaque: 'unknown_relation', unresolved: 'nowhere' }],
  [
    'SELECT * FROM nowhere.customers',
    'opaque',
    { opaque: 'unknown_relation', unresolved: 'nowhere.customers' },
  ],
  ['SELECT * FROM log', 'opaque', { opaque: 'unknown_relation', unresolved: 'log' }],
  [
    'DELETE FROM nowhere',
    'opaque',
    { opaque: 'unknown_relation', unresolved: 'nowhere', whereless: true },
  ],
  [
    'SELECT emial FROM customers',
    'opaque',
    { reads: 'customers', opaque: 'unknown_relation', unresolved: 'emial' },
  ],
  [
    'SELECT c.emial FROM customers c',
    'opaque',
    { reads: 'customers', opaque: 'unknown_relation', unresolved: 'public.customers.emial' },
  ],
  [
    'SELECT emial FROM customers, generate_series(1, 2) g',
    'opaque',
    { reads: 'customers', opaque: 'unknown_relation', unresolved: 'emial' },
  ],
  [
    "SELECT emial FROM customers, json_populate_recordset(NULL::orders, '[]') g",
    'opaque',
    { reads: 'customers', opaque: 'unknown_relation', unresolved: 'emial' },
  ],
  [
    'UPDATE customers SET emial = 1 WHERE id = 1',
    'opaque',
    {
      reads: 'customers',
      writes: 'customers',
      opaque: 'unknown_relation',
      unresolved: 'public.customers.emial',
    },
  ],
  [
    'SELECT x.id FROM customers',
    'opaque',
    { reads: 'customers', opaque: 'unknown_relation', unresolved: 'x.id' },
  ],
  [
    'SELECT pg_toast_1.* FROM pg_toast.pg_toast_1',
    'opaque',
    { opaque: 'unknown_relation', unresolved: 'pg_toast.pg_toast_1' },
  ],
  [
    'COPY customers (emial) TO STDOUT',
    'opaque',
    { reads: 'customers', opaque: 'unknown_relation', unresolved: 'public.customers.emial' },
  ],
  ['EXECUTE p', 'opaque', { opaque: 'unknown_prepared' }],
  ['FETCH ALL FROM c', 'opaque', { opaque: 'unknown_cursor' }],
  ['MOVE c', 'opaque', { opaque: 'unknown_cursor' }],
];

const unparsable: readonly Row[] = [
  'SELEC 1',
  "SELECT 'unterminated",
  'SELECT "unterminated',
  'SELECT $$unterminated',
  'SELECT /* unterminated',
  'DELETE FROM orders WHERE',
  'SELECT 1; DROP',
  'SELECT\u200b1 FROM\u200b orders WHERE',
  'ＳＥＬＥＣＴ 1',
  'SELECT 1；DELETE FROM orders',
  'SELECT * FROM `orders`',
  'SELECT 1\0; DELETE FROM orders',
  'SELECT \ud800',
  `SELECT ${'('.repeat(10_000)}1${')'.repeat(10_000)}+`,
].map((sql): Row => [sql, 'opaque', { opaque: 'unknown_statement', refusal: 'sql_unparsable' }]);

export const TABLES: Readonly<Record<string, readonly Row[]>> = {
  reading,
  calling,
  writing,
  'hidden deletes': hiddenDeletes,
  'must not flag': mustNotFlag,
  'conditions that are always true': alwaysTrue,
  'conditions that are not': sometimesTrue,
  copying,
  defining,
  session,
  'unknown names': unknown,
  unparsable,
};
