// The tour of `npm run demo`: an agent's day at the gate, with real programs and real answers. Every step is asserted; the
// verdict is false when one did not hold.
import { decodeJwt } from 'jose';
import { bold, green, red, say } from '../output.ts';
import type { Tour } from '../options.ts';
import type { Stack } from '../stack.ts';
import { approvalSteps } from './approval.ts';
import { Caller } from './caller.ts';
import type { Answer } from './caller.ts';
import { findClient } from './client.ts';
import { httpSteps } from './http.ts';
import { maskingSteps } from './masking.ts';
import { refusalSteps } from './refusals.ts';
import { recordingSteps } from './recording.ts';
import { readingSteps } from './reading.ts';
import { secrecyStep } from './secrecy.ts';
import type { Scene } from './scene.ts';
import { take } from './step.ts';
import type { Step } from './step.ts';

const TOKEN_LIFE = '15m';

/** True when every step did what it says. */
export async function runTour(stack: Stack, tour: Tour): Promise<boolean> {
  const client = findClient();
  say();
  say(bold('The tour: an agent at the gate'));
  say('An agent has a token of its own issuer, and no password of any database.');
  if (client.apology !== null) say(client.apology);

  const visitor = new Caller({ POSTERN_GATEWAY: stack.gateway });
  const minted = { token: '' };
  let number = 1;
  if (!(await take(number, tokenStep(stack, visitor, minted)))) return verdict(number, 1);

  const agent = new Caller({ POSTERN_GATEWAY: stack.gateway, POSTERN_TOKEN: minted.token });
  const scene: Scene = {
    stack,
    agent,
    dana: await loggedIn(stack, visitor),
    waitForHuman: !tour.auto && !tour.exit && process.stdin.isTTY,
    sql: (target, ...statements) => {
      const words = client.command(statements);
      const typed = words.map((word) => (/^[\w./-]+$/.test(word) ? word : `"${word}"`)).join(' ');
      return {
        command: `npx postern exec ${target} -- ${typed}`,
        run: () => agent.postern('exec', target, '--', ...words),
      };
    },
  };
  const steps = [
    ...readingSteps(scene),
    ...maskingSteps(scene),
    ...refusalSteps(scene),
    ...approvalSteps(scene),
    ...httpSteps(scene),
    ...recordingSteps(scene),
    secrecyStep(scene),
  ];
  let broken = 0;
  for (const step of steps) {
    number += 1;
    if (!(await take(number, step))) broken += 1;
  }
  return verdict(number, broken);
}

/** Dana's login: the development issuer takes anybody's word for who they are. */
async function loggedIn(stack: Stack, visitor: Caller): Promise<Caller> {
  const words = ['dev', 'token', '--issuer', 'human', '--sub', 'dana', '--groups', 'dba,staff'];
  const { output } = await visitor.postern(...words, '--state', stack.state.dir);
  return new Caller({ POSTERN_GATEWAY: stack.gateway, POSTERN_TOKEN: output.trim() });
}

function verdict(steps: number, broken: number): boolean {
  say();
  say(
    broken === 0
      ? green(`All ${steps} steps did what they say.`)
      : red(`${broken} of ${steps} steps did not do what they say.`),
  );
  return broken === 0;
}

function tokenStep(stack: Stack, visitor: Caller, minted: { token: string }): Step {
  const words = ['dev', 'token', '--sub', 'shop-agent', '--groups', 'agents', '--ttl', TOKEN_LIFE];
  return {
    title: 'The agent gets a token',
    command: `npx postern ${words.join(' ')}`,
    async run(): Promise<Answer> {
      const { output, code } = await visitor.postern(...words, '--state', stack.state.dir);
      minted.token = output.trim();
      if (code !== 0) return { output, code };
      // A token is shown by what it says, not by its bytes: it opens the gate for as long as it lives.
      const { iss, sub, aud, groups } = decodeJwt<{ groups: readonly string[] }>(minted.token);
      return { output: JSON.stringify({ iss, sub, aud, groups }), code };
    },
    expects: [
      { what: 'succeeds', holds: ({ code }) => code === 0 },
      {
        what: 'names the agent, its group, the issuer and this gateway',
        holds: ({ output }) =>
          output ===
          JSON.stringify({
            iss: stack.issuer,
            sub: 'shop-agent',
            aud: stack.gateway,
            groups: ['agents'],
          }),
      },
    ],
    why: 'The policy trusts this issuer for workloads; in production it is GitHub Actions, Kubernetes, Okta, …',
  };
}
