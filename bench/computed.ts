// The parts that are computation only, each measured by a file of its own: facts of a text, a decision, the engine.
import { benchDecision } from './decision.ts';
import { measureEngine } from './engine.ts';
import { factsTimes, lineageTimes } from './facts.ts';
import type { Group } from './findings.ts';

const COLD_FACTS_BUDGET_MICROS = 150;
const CACHED_FACTS_BUDGET_MICROS = 3;
const COLD_LINEAGE_BUDGET_MICROS = 200;
const CACHED_LINEAGE_BUDGET_MICROS = 3;

export async function measureFacts(): Promise<Group> {
  const { parseMicros, coldMicros, cachedMicros } = await factsTimes();
  return {
    name: 'facts',
    title: 'SQL facts',
    findings: [
      { what: 'Postgres’ parser alone, 20-line query', value: parseMicros, unit: 'µs' },
      {
        what: 'facts of a 20-line query, never seen',
        value: coldMicros,
        unit: 'µs',
        budget: { atMost: COLD_FACTS_BUDGET_MICROS },
      },
      {
        what: 'facts of a text seen before',
        value: cachedMicros,
        unit: 'µs',
        budget: { atMost: CACHED_FACTS_BUDGET_MICROS },
      },
    ],
  };
}

export async function measureLineage(): Promise<Group> {
  const { coldMicros, cachedMicros } = await lineageTimes();
  return {
    name: 'lineage',
    title: 'SQL lineage',
    findings: [
      {
        what: 'lineage of a 20-line query, never seen',
        value: coldMicros,
        unit: 'µs',
        budget: { atMost: COLD_LINEAGE_BUDGET_MICROS },
      },
      {
        what: 'lineage of a text seen before',
        value: cachedMicros,
        unit: 'µs',
        budget: { atMost: CACHED_LINEAGE_BUDGET_MICROS },
      },
    ],
  };
}

export async function measureDecision(): Promise<Group> {
  const found = benchDecision();
  return {
    name: 'decision',
    title: 'A decision',
    findings: [
      {
        what: `${found.rules} rules, facts never seen`,
        value: found.coldMicroseconds,
        unit: 'µs',
        budget: { atMost: found.budgetMicroseconds },
      },
      {
        what: `${found.rules} rules, facts seen before`,
        value: found.cachedMicroseconds,
        unit: 'µs',
      },
      { what: 'rules of one session, once', value: found.ruleSetMicroseconds, unit: 'µs' },
    ],
  };
}

export async function measureEngineAlone(options: { readonly quick: boolean }): Promise<Group> {
  const found = options.quick ? measureEngine(3, 5_000, 50) : measureEngine();
  return {
    name: 'engine',
    title: 'The engine alone',
    findings: [
      { what: 'simple query, one row', value: found.simpleQueryMicroseconds, unit: 'µs' },
      { what: 'prepared statement, one row', value: found.preparedMicroseconds, unit: 'µs' },
      { what: 'rows of 100 bytes', value: found.rowsMegabytesPerSecond, unit: 'MB/s' },
      {
        what: 'rows with a digest over them',
        value: found.digestedMegabytesPerSecond,
        unit: 'MB/s',
      },
    ],
  };
}
