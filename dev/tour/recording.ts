// What was written down: the sessions of the agent, one of them replayed, and its chain verified.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Answer } from './caller.ts';
import { fails, shows, succeeds } from './step.ts';
import type { Step } from './step.ts';
import type { Scene } from './scene.ts';

/** A session is shipped to R2 within seconds of its end. */
const SHIPPED_WITHIN_MS = 30_000;

const sessionList = z.object({
  sessions: z.array(z.object({ id: z.string(), recordingKey: z.string().nullable() })),
});

export function recordingSteps({ agent }: Scene): readonly Step[] {
  // Known only when the list has been read: the session in which the DROP was refused.
  const replayed = { id: '' };
  return [
    {
      title: 'Everything was written down',
      command: 'npx postern sessions list',
      async run() {
        replayed.id = await refusedSession(agent);
        return agent.postern('sessions', 'list');
      },
      expects: [succeeds, shows('shop-db'), shows('shop-reports')],
      why: 'Each session is recorded, whatever came of it; the agent sees its own.',
    },
    {
      title: 'A session is replayed',
      command: 'npx postern sessions replay --no-wait <id>',
      run: () => agent.postern('sessions', 'replay', '--no-wait', replayed.id),
      expects: [succeeds, shows('DROP TABLE payments'), shows('no-ddl'), shows('SELECT count(*)')],
      why: 'An intent is durable before its first byte goes to the target; a refused one is kept as well.',
    },
    {
      title: 'Its record is verified',
      command: 'npx postern sessions verify <id>',
      run: () => agent.postern('sessions', 'verify', replayed.id),
      expects: [succeeds, shows('Verified')],
      why: 'Every event is hashed over the one before, up to a closing record.',
    },
    {
      title: 'A record that was touched up is found out',
      command:
        'npx postern sessions export <id> -o r.ndjson; sed -i s/DROP/SHOW/ r.ndjson; npx postern sessions verify --file r.ndjson',
      run: () => touchUp(agent, replayed.id),
      expects: [fails],
      why: 'One changed word breaks the chain; so do a missing line, a swapped pair and a cut end.',
    },
  ];
}

async function touchUp(agent: Scene['agent'], id: string): Promise<Answer> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-tour-'));
  const file = join(folder, 'r.ndjson');
  try {
    const exported = await agent.postern('sessions', 'export', id, '-o', file);
    const text = readFileSync(file, 'utf8');
    if (exported.code !== 0 || !text.includes('DROP')) throw new Error(exported.output);
    writeFileSync(file, text.replace('DROP', 'SHOW'));
    return await agent.postern('sessions', 'verify', '--file', file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits until the refused session is in its final place, then names it. */
async function refusedSession(agent: Scene['agent']): Promise<string> {
  const deadline = Date.now() + SHIPPED_WITHIN_MS;
  for (;;) {
    const { sessions } = sessionList.parse(
      await agent.get('/v1/sessions?target=shop-db&rule=no-ddl'),
    );
    const [session] = sessions;
    if (session !== undefined && session.recordingKey !== null) return session.id;
    if (Date.now() > deadline) throw new Error('the recording did not reach its store in time');
    await sleep(500);
  }
}
