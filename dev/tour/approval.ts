// What needs a human: the statement waits in its connection while Dana, a dba, is asked. The agent cannot answer for her.
// With somebody at the terminal the tour waits for that somebody to press the button; otherwise it plays Dana itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { bold, say } from '../output.ts';
import type { Answer } from './caller.ts';
import type { Scene } from './scene.ts';
import { fails, shows, succeeds } from './step.ts';
import type { Step } from './step.ts';

const REFUND = 'UPDATE payments SET refunded = true WHERE id = 9 RETURNING id, refunded';
const ASKED_WITHIN_MS = 30_000;

const pendingList = z.object({ approvals: z.array(z.object({ id: z.string() })) });
const shownApproval = z.object({ digest: z.string(), url: z.string() });

export function approvalSteps(scene: Scene): readonly Step[] {
  const { agent, dana, sql, waitForHuman } = scene;
  const refund = sql('shop-db', REFUND);
  // Begun in the first of these steps, ended in the last: the agent's psql hangs in between.
  const held = { id: '', digest: '', url: '', statement: Promise.resolve<Answer | null>(null) };
  return [
    {
      title: 'It makes a refund, which a human must agree to',
      command: `${refund.command} &   # and, as Dana:   npx postern approvals show <id>`,
      async run() {
        held.statement = refund.run();
        held.id = await pendingApproval(dana);
        const shown = await dana.postern('approvals', 'show', held.id);
        const json = await dana.postern('approvals', 'show', held.id, '--json');
        Object.assign(held, shownApproval.parse(JSON.parse(json.output)));
        return shown;
      },
      expects: [succeeds, shows(REFUND), shows('refunds-need-a-dba'), shows('about 1 row')],
      why: 'Rule refunds-need-a-dba. Dana sees the whole statement, who asks, what it is expected to change, and a digest of it all.',
    },
    {
      title: 'It tries to agree to that itself',
      command: 'npx postern approvals approve <id> --digest <digest>',
      run: () => agent.postern('approvals', 'approve', held.id, '--digest', held.digest),
      expects: [fails],
      why: 'Nobody decides about their own request, and no workload decides about any.',
    },
    {
      title: waitForHuman ? 'You are Dana: agree to it in a browser' : 'Dana agrees, and it runs',
      command:
        'npx postern approvals approve <id> --digest <digest> --reason "the customer called"',
      async run() {
        if (waitForHuman) {
          say(`   ${bold(held.url)}   (log in as Dana, then press the button)`);
        } else {
          const options = ['--digest', held.digest, '--reason', 'the customer called'];
          await dana.postern('approvals', 'approve', held.id, ...options);
        }
        return (await held.statement) ?? { output: 'nothing was held', code: 1 };
      },
      expects: [succeeds, shows('UPDATE 1')],
      why: 'What was approved is what runs, once: another statement, or the same one with another value, has another digest.',
    },
  ];
}

/** @throws Error when the statement was not put to anybody in time. */
async function pendingApproval(dana: Scene['dana']): Promise<string> {
  const deadline = Date.now() + ASKED_WITHIN_MS;
  for (;;) {
    const { approvals } = pendingList.parse(await dana.get('/v1/approvals?state=pending'));
    if (approvals[0] !== undefined) return approvals[0].id;
    if (Date.now() > deadline) throw new Error('nobody was asked');
    await sleep(250);
  }
}
