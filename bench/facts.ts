// Facts of one 20-line query: cold (parsed and walked) and cached (the same text again). Budgets: design.md section 9.
// CPU time, best of several rounds, so that a busy machine does not decide; `node bench/facts.ts` prints it.
import { createInspect } from '../core/sql/facts.ts';
import type { SqlContext } from '../core/sql/inspection.ts';
import { shopCatalog } from '../test/fixtures/shop-catalog.ts';
import { loadSqlParser } from '../test/support/sql-parser.ts';

export interface FactsTimes {
  readonly parseMicros: number;
  readonly coldMicros: number;
  readonly cachedMicros: number;
}

const QUERY = `WITH recent AS (
  SELECT o.id, o.customer_id, o.total, o.placed_at
  FROM orders o
  WHERE o.placed_at >= now() - interval '30 days' AND o.status <> 'cancelled'
), spent AS (
  SELECT r.customer_id, sum(r.total) AS spent, count(*) AS orders, max(r.placed_at) AS last_order
  FROM recent r
  GROUP BY r.customer_id
  HAVING sum(r.total) > 100
)
SELECT c.id, c.name, c.country, s.spent, s.orders,
       rank() OVER (PARTITION BY c.country ORDER BY s.spent DESC) AS place,
       CASE WHEN s.spent > 1000 THEN 'gold' WHEN s.spent > 500 THEN 'silver' END AS tier,
       date_trunc('day', s.last_order)::text AS last_order
FROM spent s
JOIN customers c ON c.id = s.customer_id
LEFT JOIN payments p ON p.order_id IN (SELECT id FROM recent WHERE customer_id = c.id)
WHERE c.country IN ('DE', 'FR', 'NL') AND p.amount > 3
ORDER BY s.spent DESC, c.name
LIMIT 50`;

const CONTEXT: SqlContext = {
  searchPaths: [['pg_catalog', 'public']],
  prepared: () => [],
  cursor: () => [],
  readOnly: false,
};

export interface LineageTimes {
  /** Parsed again and walked, the catalog's relations seen before. */
  readonly coldMicros: number;
  readonly cachedMicros: number;
}

export async function lineageTimes(rounds = 12): Promise<LineageTimes> {
  const { parse } = await loadSqlParser();
  const catalog = shopCatalog();
  const inspect = createInspect({ parse, catalog: () => catalog });
  const prepare = (count: number, from: number) =>
    Array.from({ length: count }, (_, call) => inspect(`${QUERY} --l${from + call}`, CONTEXT));
  for (const { lineage } of prepare(4_000, 0)) lineage();
  const seen = inspect(QUERY, CONTEXT);
  let coldMicros = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const inspections = prepare(1_000, 4_000 + round * 1_000);
    let at = 0;
    coldMicros = Math.min(
      coldMicros,
      best(1, 1_000, () => inspections[at++]?.lineage()),
    );
  }
  return { coldMicros, cachedMicros: best(rounds, 20_000, () => seen.lineage()) };
}

export async function factsTimes(rounds = 12): Promise<FactsTimes> {
  const { parse } = await loadSqlParser();
  const catalog = shopCatalog();
  const inspect = createInspect({ parse, catalog: () => catalog });
  const bytes = new TextEncoder().encode(QUERY);
  const decoder = new TextDecoder();
  let serial = 0;
  // WASM and the walk reach their final code after some thousands of calls.
  for (let call = 0; call < 6_000; call++) inspect(`${QUERY} --warm ${call}`, CONTEXT);
  return {
    parseMicros: best(rounds, 1_000, () => parse(QUERY)),
    // Another comment each time: the same work, never the same text.
    coldMicros: best(rounds, 1_000, () => inspect(`${QUERY} --${serial++}`, CONTEXT)),
    // As an engine has it: fresh bytes, decoded, so that the string's hash is not known either.
    cachedMicros: best(rounds, 20_000, () => inspect(decoder.decode(bytes), CONTEXT)),
  };
}

function best(rounds: number, calls: number, work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    for (let call = 0; call < calls; call++) work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / calls);
  }
  return least;
}

if (import.meta.main) {
  const { parseMicros, coldMicros, cachedMicros } = await factsTimes();
  const lineage = await lineageTimes();
  const shown = (micros: number) => `${micros.toFixed(2)} µs`;
  process.stdout.write(
    `parse ${shown(parseMicros)}, cold ${shown(coldMicros)}, cached ${shown(cachedMicros)}\n` +
      `lineage cold ${shown(lineage.coldMicros)}, cached ${shown(lineage.cachedMicros)}\n`,
  );
}
