// What is deployed: its size as it travels, and what a fresh runtime takes from its start to the first answer beyond what
// an empty Worker with the same bindings takes. In processor time, as the platform's own limit is: parsing and running the
// bundle's global scope, and the first request.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Bundle } from '../dev/bundle.ts';
import { cpuMicros } from './clock.ts';
import { shown, type Group } from './findings.ts';
import type { Rig } from './rig.ts';

const SIZE_BUDGET_MIB = 3;
const START_BUDGET_MS = 250;

const EMPTY_WORKER = `import { DurableObject } from 'cloudflare:workers';
export class Session extends DurableObject {}
export class Approval extends DurableObject {}
export class Grant extends DurableObject {}
export default { fetch: () => new Response('ok'), scheduled() {} };
`;

export async function measureBundle(
  rig: Rig,
  options: { readonly rounds: number },
): Promise<Group> {
  const { dir, files } = rig.bundle;
  const sizes = files.map((file) => {
    const bytes = readFileSync(join(dir, file));
    return { file, bytes: bytes.length, gzip: gzipSync(bytes).length };
  });
  const gzip = sizes.reduce((sum, size) => sum + size.gzip, 0);
  const raw = sizes.reduce((sum, size) => sum + size.bytes, 0);

  const empty = emptyBundle(rig);
  const starts: { own: Start; none: Start }[] = [];
  for (let round = 0; round < options.rounds; round++) {
    starts.push({ none: await start(rig, empty), own: await start(rig, rig.bundle) });
  }
  const least = (of: (pair: { own: Start; none: Start }) => number): number =>
    Math.min(...starts.map(of));
  const wall = least(({ own }) => own.wallMillis) - least(({ none }) => none.wallMillis);
  const added = least(({ own }) => own.cpuMillis) - least(({ none }) => none.cpuMillis);
  return {
    name: 'bundle',
    title: 'The bundle',
    findings: [
      {
        what: 'size, gzip',
        value: gzip / 1024 ** 2,
        unit: 'MiB',
        budget: { atMost: SIZE_BUDGET_MIB },
        note: `${shown(raw / 1024 ** 2)} MiB unpacked (the platform takes 64)`,
      },
      {
        what: 'start-up beyond an empty Worker’s, processor time',
        value: Number.isFinite(added) ? added : null,
        unit: 'ms',
        budget: { atMost: START_BUDGET_MS },
        note: `on the clock ${shown(wall)} ms, Miniflare’s own work included`,
      },
    ],
    raw: { sizes, starts },
  };
}

interface Start {
  readonly wallMillis: number;
  /** NaN where it cannot be read. */
  readonly cpuMillis: number;
}

function emptyBundle(rig: Rig): Bundle {
  const dir = rig.state.path('empty');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'index.js'), EMPTY_WORKER);
  return { dir, files: ['index.js'] };
}

async function start(rig: Rig, bundle: Bundle): Promise<Start> {
  const began = performance.now();
  const served = await rig.startBare(bundle);
  try {
    const response = await fetch(`${served.url}/healthz`);
    await response.text();
    if (!response.ok) throw new Error(`/healthz answered ${response.status}`);
    const wallMillis = performance.now() - began;
    return { wallMillis, cpuMillis: (cpuMicros(served.pid) ?? Number.NaN) / 1000 };
  } finally {
    await served.close();
  }
}
