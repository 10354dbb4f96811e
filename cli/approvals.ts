// `postern approvals`: what waits for you, and your decision, in a terminal. The gateway takes decisions from people's own
// tokens only, and only with the digest of what was shown: here it is shown first, and then asked for.
import { createInterface } from 'node:readline/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { decide, getApproval, listApprovals, type Approval } from './approvals-gateway.ts';
import { approvalsTable, approvalText } from './approvals-text.ts';
import { CliError, EXIT } from './failure.ts';

export function approvalsCommand(): Command {
  return new Command('approvals')
    .description('see and decide what waits for approval')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(decisionCommand('approve'))
    .addCommand(decisionCommand('deny'));
}

interface ListOptions {
  readonly state?: string;
  readonly target?: string;
  readonly own?: true;
  readonly all?: true;
  readonly limit: number;
  readonly json?: true;
}

function listCommand(): Command {
  return new Command('list')
    .description('approvals you asked for or are asked about, newest first')
    .addOption(
      new Option('--state <state>', 'in this state (default: pending)').choices([
        'pending',
        'approved',
        'denied',
        'expired',
        'cancelled',
        'consumed',
      ]),
    )
    .option('--all', 'in any state')
    .option('--own', 'only what you asked for')
    .option('--target <id>', 'on this target')
    .option('--limit <n>', 'at most so many', wholeNumber, 50)
    .option('--json', 'as JSON')
    .action(async ({ state, target, own, all, limit, json }: ListOptions) => {
      const query: Record<string, string> = {};
      if (all !== true) query['state'] = state ?? 'pending';
      if (target !== undefined) query['target'] = target;
      if (own === true) query['own'] = 'true';
      const approvals = await listApprovals(query, limit);
      if (json === true) console.log(JSON.stringify(approvals, null, 2));
      else if (approvals.length === 0) console.error('Nothing is waiting.');
      else console.log(approvalsTable(approvals, Date.now()));
    });
}

function showCommand(): Command {
  return new Command('show')
    .description('everything about one approval, the whole statement included')
    .argument('<id>', 'the approval’s id')
    .option('--json', 'as JSON')
    .action(async (id: string, { json }: { readonly json?: true }) => {
      const { approval } = await getApproval(id);
      console.log(
        json === true ? JSON.stringify(approval, null, 2) : approvalText(approval, Date.now()),
      );
    });
}

interface DecisionOptions {
  readonly reason?: string;
  readonly digest?: string;
  readonly json?: true;
}

function decisionCommand(decision: 'approve' | 'deny'): Command {
  return new Command(decision)
    .description(decision === 'approve' ? 'let it run, once' : 'refuse it, with a reason')
    .argument('<id>', 'the approval’s id')
    .option('--reason <text>', decision === 'approve' ? 'why' : 'why; the caller reads it')
    .option('--digest <hex>', 'the digest you were shown elsewhere: asks nothing')
    .option('--json', 'as JSON')
    .action(async (id: string, options: DecisionOptions) => {
      if (decision === 'deny' && (options.reason ?? '').trim() === '') {
        throw new CliError(
          EXIT.usage,
          'A denial needs a reason.',
          'Give --reason “…”; the caller reads it.',
        );
      }
      const digest = options.digest ?? (await shownDigest(id, decision));
      const state = await decide(id, decision, digest, options.reason ?? '');
      if (options.json === true) console.log(JSON.stringify({ id, state }));
      else console.error(outcome(decision, state));
    });
}

/** Shows the request and asks. Without a terminal nobody can have been shown anything. */
async function shownDigest(id: string, decision: 'approve' | 'deny'): Promise<string> {
  const { approval, mayDecide, hindrance } = await getApproval(id);
  if (!mayDecide)
    throw new CliError(EXIT.refused, `You cannot decide about this (${hindrance ?? 'unknown'}).`);
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CliError(
      EXIT.usage,
      'There is no terminal to show the request on.',
      'Look at it with `postern approvals show`, then give the digest it names as --digest.',
    );
  }
  console.error(approvalText(approval, Date.now()));
  await confirmed(approval, decision);
  return approval.digest;
}

async function confirmed(approval: Approval, decision: 'approve' | 'deny'): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `\n${decision === 'approve' ? 'Approve' : 'Deny'} ${approval.id}? [y/N] `,
    );
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError(EXIT.failed, 'Nothing was decided.');
  } finally {
    terminal.close();
  }
}

function outcome(decision: 'approve' | 'deny', state: string): string {
  if (decision === 'deny') return 'Denied.';
  return state === 'pending' ? 'Your vote counts; more people are needed.' : 'Approved.';
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('must be a whole number above zero');
  return value;
}
