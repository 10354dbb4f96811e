// vitest globalSetup of the e2e project: one stack, started once, shared by every file through sharedStack().
import type { TestProject } from 'vitest/node';
import { startStack } from './stack.ts';

// oxlint-disable-next-line import/no-default-export -- vitest's contract for a setup that provides and tears down
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack();
  const { gateway, issuer, state, pid } = stack;
  project.provide('stack', { gateway, issuer, state, pid });
  return async () => {
    await stack.stop();
  };
}
