// HTTP requests through the gateway against a Worker that only proxies, in turns; bodies that are masked as they stream; and
// what a long stream takes of memory.
import { Agent, get } from 'node:http';
import { median, memory, resetPeak } from './clock.ts';
import type { Finding, Group } from './findings.ts';
import type { Rig } from './rig.ts';
import type { Runtime } from './runtime.ts';

export interface HttpOptions {
  readonly rounds: number;
  readonly milliseconds: number;
  /** Of the long stream. */
  readonly longMb: number;
}

interface Way {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent;
}

const WARM_UP = 200;
const JSON_MB = 50;
const PLAIN_MB = 200;

export async function measureHttp(rig: Rig, options: HttpOptions): Promise<Group> {
  const { gateway, proxy } = rig;
  const authorization = `Bearer ${await rig.token()}`;
  const way = (name: string, { url }: Runtime): Way => ({
    name,
    url,
    headers: { authorization },
    agent: new Agent({ keepAlive: true, maxSockets: 1 }),
  });
  const ways = { proxy: way('proxy', proxy), gateway: way('gateway', gateway) };
  try {
    const trips = await roundTrips(Object.values(ways), options);
    const best = (name: string): number => Math.min(...(trips.get(name) ?? []));
    const plain = await rates(Object.values(ways), '/http/web/bytes', PLAIN_MB, options.rounds);
    const masked = await rates([ways.gateway], '/http/web-masked/json', JSON_MB, options.rounds);
    const growth = await longStream(gateway, ways.gateway, options.longMb);
    const rate = (of: ReadonlyMap<string, readonly number[]>, name: string): number =>
      Math.max(...(of.get(name) ?? []));
    const findings: Finding[] = [
      {
        what: 'GET of 1 KiB, half of them: time against a Worker that only proxies',
        value: best('gateway') / best('proxy'),
        unit: '×',
        budget: { atMost: 1.3 },
        note: `${best('gateway').toFixed(2)} and ${best('proxy').toFixed(2)} ms`,
      },
      {
        what: `${PLAIN_MB} MB without masks: rate against the proxy's`,
        value: rate(plain, 'gateway') / rate(plain, 'proxy'),
        unit: '×',
        note: `${rate(plain, 'gateway').toFixed(0)} of ${rate(plain, 'proxy').toFixed(0)} MB/s`,
      },
      {
        what: `JSON, 3 fields masked and two detectors: rate of ${JSON_MB} MB`,
        value: rate(masked, 'gateway'),
        unit: 'MB/s',
        budget: { atLeast: 60 },
      },
      growth,
    ];
    return { name: 'http', title: 'HTTP', findings, raw: { trips: Object.fromEntries(trips) } };
  } finally {
    for (const { agent } of Object.values(ways)) agent.destroy();
  }
}

/** Milliseconds of half the requests, by way and round. */
async function roundTrips(
  ways: readonly Way[],
  { rounds, milliseconds }: HttpOptions,
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  for (const way of ways) {
    for (let n = 0; n < WARM_UP; n++) await fetched(way, '/http/web/small');
  }
  for (let round = 0; round < rounds; round++) {
    for (const way of ways) {
      const waits: number[] = [];
      const end = performance.now() + milliseconds;
      for (let at = performance.now(); at < end;) {
        await fetched(way, '/http/web/small');
        const now = performance.now();
        waits.push(now - at);
        at = now;
      }
      found.get(way.name)?.push(median(waits));
    }
  }
  return found;
}

/** MB/s of a download, by way and round. */
async function rates(
  ways: readonly Way[],
  path: string,
  mb: number,
  rounds: number,
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const way of ways) {
      const start = performance.now();
      const bytes = await fetched(way, `${path}?mb=${mb}`);
      if (bytes < mb * 900_000) throw new Error(`only ${bytes} bytes came`);
      found.get(way.name)?.push(bytes / 1000 / (performance.now() - start));
    }
  }
  return found;
}

async function longStream({ pid }: Runtime, way: Way, mb: number): Promise<Finding> {
  const what = `${mb} MB of masked JSON: memory the gateway takes for it`;
  const before = memory(pid);
  if (before === null) return { what, value: null, unit: 'MiB', note: 'there is no /proc' };
  resetPeak(pid);
  await fetched(way, `/http/web-masked/json?mb=${mb}`);
  const after = memory(pid);
  const value = Math.max(0, (after?.peakMiB ?? Number.NaN) - before.residentMiB);
  return { what, value, unit: 'MiB', budget: { atMost: 48 } };
}

/** Bytes of the body. */
function fetched({ url, headers, agent }: Way, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(`${url}${path}`, { agent, headers }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve(bytes);
        else reject(new Error(`${path} was answered ${response.statusCode}`));
      });
    }).once('error', reject);
  });
}
