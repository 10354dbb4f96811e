// One step of the tour: what the agent does, what it must have been answered, and why. A step that does not hold is
// printed with what was missing, and fails the tour.
import { bold, cyan, dim, green, red, say } from '../output.ts';
import type { Answer } from './caller.ts';

export interface Step {
  readonly title: string;
  /** As somebody would type it. */
  readonly command: string;
  run(): Promise<Answer>;
  /** What the answer must show; each says what it looks for. */
  readonly expects: readonly Expectation[];
  /** The rule or mechanism behind the answer, in one sentence. */
  readonly why: string;
}

export interface Expectation {
  readonly what: string;
  holds(answer: Answer): boolean;
}

export const shows = (text: string): Expectation => ({
  what: `shows «${text}»`,
  holds: ({ output }) => output.includes(text),
});

export const succeeds: Expectation = {
  what: 'ends with exit code 0',
  holds: ({ code }) => code === 0,
};

export const fails: Expectation = {
  what: 'ends with an exit code of failure',
  holds: ({ code }) => code !== 0,
};

/** Longest answer printed in full; the rest is counted. */
const MAX_LINES = 16;

/** Runs and prints one step; true when everything it expects held. */
export async function take(number: number, step: Step): Promise<boolean> {
  say();
  say(bold(`${number}. ${step.title}`));
  say(`   ${cyan(`$ ${step.command}`)}`);
  const answer = await attempt(step);
  print(answer.output);
  const missing = step.expects.filter((expectation) => !expectation.holds(answer));
  say(`   ${dim('why:')} ${step.why}`);
  if (missing.length === 0) {
    say(`   ${green('as it should be')}`);
    return true;
  }
  for (const { what } of missing) say(`   ${red(`NOT as it should be. Expected: it ${what}`)}`);
  say(`   ${red(`exit code ${answer.code}`)}`);
  return false;
}

/** A step that breaks down is a step that does not hold; the others are taken all the same. */
async function attempt(step: Step): Promise<Answer> {
  try {
    return await step.run();
  } catch (error) {
    return { output: error instanceof Error ? error.message : String(error), code: 255 };
  }
}

function print(output: string): void {
  const lines = output.trimEnd().split('\n');
  for (const line of lines.slice(0, MAX_LINES)) say(`   ${dim('|')} ${line}`);
  if (lines.length > MAX_LINES) say(dim(`   | … ${lines.length - MAX_LINES} more lines`));
}
