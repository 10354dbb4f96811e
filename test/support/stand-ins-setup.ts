// vitest globalSetup of the workerd project: the stand-ins that Worker code talks to, on Node, reached over loopback.
import type { TestProject } from 'vitest/node';
import { startHttpTargets } from './http-target.ts';
import { startPresidioStandIn } from './presidio-stand-in.ts';
import { startSlackStandIn } from './slack-stand-in.ts';
import { startWebhookReceiver } from './webhook-receiver.ts';

// oxlint-disable-next-line import/no-default-export -- vitest's contract for a setup that provides and tears down
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const slack = await startSlackStandIn();
  const webhooks = await startWebhookReceiver();
  const presidio = await startPresidioStandIn();
  const targets = await startHttpTargets();
  project.provide('standIns', { slack: slack.url, webhooks: webhooks.url });
  project.provide('presidio', presidio.url);
  project.provide('httpTargets', { plainPort: targets.plainPort, rawPort: targets.rawPort });
  return async () => {
    await slack.close();
    await webhooks.close();
    await presidio.close();
    await targets.close();
  };
}
