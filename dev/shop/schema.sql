-- A small shop, owned by the role `app`: enough shape (two schemas, views, a materialised view, functions, a trigger,
-- card numbers) for every rule and mask to have something to bite on. Loaded once per state folder.

CREATE SCHEMA audit;

CREATE TABLE customers (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL,
  email       text NOT NULL UNIQUE,
  phone       text,
  ssn         text,
  city        text NOT NULL,
  created_at  timestamptz NOT NULL
);

CREATE TABLE products (
  id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sku       text NOT NULL UNIQUE,
  name      text NOT NULL,
  price     numeric(10, 2) NOT NULL CHECK (price > 0),
  stock     integer NOT NULL DEFAULT 0 CHECK (stock >= 0),
  attributes jsonb NOT NULL DEFAULT '{}'
);

CREATE TYPE order_status AS ENUM ('pending', 'paid', 'shipped', 'delivered', 'cancelled');

CREATE TABLE orders (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers,
  status      order_status NOT NULL DEFAULT 'pending',
  ordered_at  timestamptz NOT NULL,
  note        text
);
CREATE INDEX orders_customer ON orders (customer_id);

CREATE TABLE order_items (
  order_id   integer NOT NULL REFERENCES orders ON DELETE CASCADE,
  line       integer NOT NULL,
  product_id integer NOT NULL REFERENCES products,
  quantity   integer NOT NULL CHECK (quantity > 0),
  price      numeric(10, 2) NOT NULL,
  PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
  id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id     integer NOT NULL REFERENCES orders,
  amount       numeric(10, 2) NOT NULL,
  card_holder  text NOT NULL,
  card_number  text NOT NULL,
  paid_at      timestamptz NOT NULL,
  refunded     boolean NOT NULL DEFAULT false
);

CREATE TABLE audit.price_changes (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  product_id  integer NOT NULL,
  old_price   numeric(10, 2) NOT NULL,
  new_price   numeric(10, 2) NOT NULL,
  changed_by  text NOT NULL DEFAULT current_user,
  changed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit.logins (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id integer NOT NULL,
  address     inet NOT NULL,
  succeeded   boolean NOT NULL,
  at          timestamptz NOT NULL
);

CREATE VIEW active_customers AS
  SELECT c.id, c.name, c.email, c.city, count(o.id) AS orders, max(o.ordered_at) AS last_order
  FROM customers c JOIN orders o ON o.customer_id = c.id
  WHERE o.status <> 'cancelled'
  GROUP BY c.id;

CREATE VIEW payment_summary AS
  SELECT date_trunc('month', paid_at) AS month, count(*) AS payments, sum(amount) AS total,
         count(*) FILTER (WHERE refunded) AS refunds
  FROM payments GROUP BY 1;

CREATE MATERIALIZED VIEW product_sales AS
  SELECT p.id, p.sku, p.name, coalesce(sum(i.quantity), 0) AS sold, coalesce(sum(i.quantity * i.price), 0) AS revenue
  FROM products p LEFT JOIN order_items i ON i.product_id = p.id
  GROUP BY p.id
  WITH NO DATA;

CREATE FUNCTION order_total(wanted integer) RETURNS numeric
  LANGUAGE sql STABLE
  RETURN (SELECT sum(quantity * price) FROM order_items WHERE order_id = wanted);

-- Volatile: what it does cannot be read off the statement that calls it, so a rule sees `opaque`.
CREATE FUNCTION refund_payment(wanted integer) RETURNS boolean
  LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  UPDATE payments SET refunded = true WHERE id = wanted AND NOT refunded;
  RETURN FOUND;
END
$$;

CREATE FUNCTION audit.note_price_change() RETURNS trigger
  LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO audit.price_changes (product_id, old_price, new_price) VALUES (OLD.id, OLD.price, NEW.price);
  RETURN NEW;
END
$$;

CREATE TRIGGER price_changed AFTER UPDATE OF price ON products
  FOR EACH ROW WHEN (OLD.price IS DISTINCT FROM NEW.price)
  EXECUTE FUNCTION audit.note_price_change();
