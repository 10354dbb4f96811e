// What the steps of the tour share.
import type { Stack } from '../stack.ts';
import type { Caller } from './caller.ts';
import type { Step } from './step.ts';

export interface Scene {
  readonly stack: Stack;
  readonly agent: Caller;
  /** A human of the group dba. */
  readonly dana: Caller;
  /** Somebody sits at the terminal and plays Dana. */
  readonly waitForHuman: boolean;
  /** Runs statements through the gateway: the command as one would type it, and what it answers. */
  readonly sql: (target: string, ...statements: readonly string[]) => Pick<Step, 'command' | 'run'>;
}
