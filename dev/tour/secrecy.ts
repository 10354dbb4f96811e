// The last step: the credential the gateway used is searched for in everything the agent was shown and in everything the
// gateway stored.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Answer } from './caller.ts';
import { shows, succeeds } from './step.ts';
import type { Step } from './step.ts';
import type { Scene } from './scene.ts';

export function secrecyStep(scene: Scene): Step {
  return {
    title: "The database password and the API's key are looked for",
    command: 'search everything the two were shown, every file the gateway stored, and its log',
    run: async () => search(scene),
    expects: [succeeds, shows('found in 0 of')],
    why: 'They are Worker secrets: they are added behind the decision and go to their targets alone.',
  };
}

function search({ stack, agent, dana }: Scene): Answer {
  if (stack.shop === null) throw new Error('the tour needs the shop');
  const secrets = [stack.shop.password, stack.secrets.billing];
  const places = [
    Buffer.from(agent.seen),
    Buffer.from(dana.seen),
    ...stored(stack.state.resources),
  ];
  const log = stack.state.path('gateway.log');
  if (statSync(log, { throwIfNoEntry: false }) !== undefined) places.push(readFileSync(log));
  const found = places.filter((place) => secrets.some((each) => place.includes(each))).length;
  return { output: `found in ${found} of ${places.length} places`, code: found === 0 ? 0 : 1 };
}

/** Databases, journals and recordings, the compressed ones unpacked. */
function stored(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const content = readFileSync(join(entry.parentPath, entry.name));
      return content[0] === 0x1f && content[1] === 0x8b ? gunzipSync(content) : content;
    });
}
