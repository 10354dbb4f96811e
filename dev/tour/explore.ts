// What to try next: commands that work as they are printed, in another terminal of this folder.
import { relative } from 'node:path';
import { bold, cyan, dim, say } from '../output.ts';
import type { Stack } from '../stack.ts';

export function explore(stack: Stack): void {
  const state = relative(process.cwd(), stack.state.dir) || '.';
  const flag = state === '.postern' ? '' : ` --state ${state}`;
  say();
  say(bold('Explore it in another terminal:'));
  show(`export POSTERN_GATEWAY=${stack.gateway}`);
  show(
    `export POSTERN_TOKEN=$(npx postern dev token${flag} --sub shop-agent --groups agents --ttl 1h)`,
  );
  if (stack.shop !== null) {
    show('npx postern exec shop-db -- psql');
    show('npx postern connect shop-db --port 6543', 'then any Postgres client, host 127.0.0.1');
    show(`open ${stack.gateway}/approvals`, 'log in as Dana, who decides about refunds');
  }
  show('npx postern sessions list');
  show(
    `$EDITOR ${relative(process.cwd(), stack.policyFile)}`,
    'a saved change is in force at once',
  );
  say(dim('Ctrl-C ends everything.'));
}

function show(command: string, remark = ''): void {
  say(`  ${cyan(command)}${remark === '' ? '' : dim(`   # ${remark}`)}`);
}
