// An HTTP service behind the same gate: reading, masks, what a human must agree to, and what no request gets through.
import type { Scene } from './scene.ts';
import { shows, succeeds, type Expectation, type Step } from './step.ts';

const REFUND = { payment: 9, amount: 40 };

const hides = (text: string): Expectation => ({
  what: `does not show «${text}»`,
  holds: ({ output }) => !output.includes(text),
});

export function httpSteps({ agent, dana, stack }: Scene): readonly Step[] {
  const at = (path: string) => `/http/billing${path}`;
  const curl = (words: string) => `curl -H "Authorization: Bearer $TOKEN" ${words}`;
  const url = (path: string) => `$GATEWAY${at(path)}`;
  const held = { id: '' };
  return [
    {
      title: 'It reads from a billing API, whose key it does not have',
      command: curl(url('/v1/customers/2')),
      run: () => agent.request('GET', at('/v1/customers/2')),
      expects: [
        shows('200'),
        shows('Ben Ortiz'),
        hides('ben.ortiz@'),
        hides('5555555555554444'),
        hides('5555 5555'),
      ],
      why: 'Rule agents-read-billing. The gateway added the key; mask billing-personal names two fields, and typed-in found the card in the note.',
    },
    {
      title: 'It asks the API to repeat what it was sent',
      command: curl(url('/v1/echo')),
      run: () => agent.request('GET', at('/v1/echo')),
      expects: [shows('200'), hides(stack.secrets.billing), shows('Bearer ****')],
      why: 'A service that echoes its requests gives keys away; the gateway overwrites its own wherever it comes back.',
    },
    {
      title: 'It makes a refund, which a human must agree to',
      command: curl(`--json '${JSON.stringify(REFUND)}' ${url('/v1/refunds')}`),
      async run() {
        const answer = await agent.request('POST', at('/v1/refunds'), REFUND);
        held.id = /"approval":\s*"([^"]+)"/.exec(answer.output)?.[1] ?? '';
        return answer;
      },
      expects: [shows('202'), shows('/approvals/'), shows('billing-refunds-need-a-dba')],
      why: 'HTTP clients do not wait for people: the answer comes at once, with the link, and nothing was sent.',
    },
    {
      title: 'Dana agrees, and the same request runs, once',
      command: `npx postern approvals approve <id> …; ${curl(`--json '${JSON.stringify(REFUND)}' ${url('/v1/refunds')}`)}  # twice`,
      async run() {
        const shown = await dana.postern('approvals', 'show', held.id, '--json');
        const { digest } = JSON.parse(shown.output) as { digest: string };
        await dana.postern('approvals', 'approve', held.id, '--digest', digest);
        const first = await agent.request('POST', at('/v1/refunds'), REFUND);
        const second = await agent.request('POST', at('/v1/refunds'), REFUND);
        return { output: `${first.output}\n${second.output}`, code: 0 };
      },
      expects: [succeeds, shows('201'), shows('202')],
      why: 'The approval was for this method, path, query, headers and body, and is used up by the first of the two.',
    },
    {
      title: 'It asks for a refund that nobody is asked about, and for a path that climbs',
      command: curl(
        `--json '{"payment":9,"amount":5000}' ${url('/v1/refunds')}; curl … ${url('/v1/%2e%2e%2fadmin')}`,
      ),
      async run() {
        const large = await agent.request('POST', at('/v1/refunds'), { payment: 9, amount: 5000 });
        const climbing = await agent.request('GET', at('/v1/x%2f..%2fadmin'));
        return { output: `${large.output}\n${climbing.output}`, code: 0 };
      },
      expects: [shows('no_rule'), shows('path_encoded_delimiter'), hides('"id":')],
      why: 'No rule allows amounts over 100. What two servers could read as two paths is no path here.',
    },
  ];
}
