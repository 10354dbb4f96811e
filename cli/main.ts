#!/usr/bin/env node
// `postern`, the command line on the caller's and the operator's machine. One file per command; each exports xCommand().
// postern.cjs starts this file on a Node that can run it.
import { Command, CommanderError, Option } from 'commander';
import { applyCommand } from './apply.ts';
import { approvalsCommand } from './approvals.ts';
import { connectCommand } from './connect.ts';
import { execCommand } from './exec.ts';
import { devCommand } from './dev-token.ts';
import { CliError, EXIT } from './failure.ts';
import { tokenCommand, whoamiCommand } from './identity-commands.ts';
import { loginCommand, logoutCommand } from './login.ts';
import { planCommand } from './plan.ts';
import { checkCommand } from './policy-file.ts';
import { revisionsCommand } from './revisions.ts';
import { schemaCommand } from './schema.ts';
import { requestCommand } from './request.ts';
import { sessionsCommand } from './sessions.ts';
import { suggestMasksCommand } from './suggest-masks.ts';
import { targetsCommand } from './targets.ts';
import packageJson from '../package.json' with { type: 'json' };

const program = new Command('postern')
  .description('The guarded side gate for non-human identities.')
  .version(packageJson.version)
  .addOption(
    new Option('--gateway <url>', 'the gateway; default: $POSTERN_GATEWAY, else the last login’s'),
  )
  .addHelpText(
    'after',
    `
Exit codes: 0 ok · 1 failed · 2 usage · 3 not logged in · 4 refused by policy · 5 target unreachable · 6 gateway unreachable
Tokens come from $POSTERN_TOKEN, $POSTERN_TOKEN_FILE, GitHub Actions, or \`postern login\`.`,
  )
  .hook('preAction', (program) => {
    // The environment is the one place to look, also for the children of `exec`.
    const { gateway } = program.opts<{ gateway?: string }>();
    if (gateway !== undefined) process.env['POSTERN_GATEWAY'] = gateway;
  });

program.addCommand(loginCommand());
program.addCommand(logoutCommand());
program.addCommand(tokenCommand());
program.addCommand(whoamiCommand());
program.addCommand(targetsCommand());
program.addCommand(connectCommand());
program.addCommand(execCommand());
program.addCommand(sessionsCommand());
program.addCommand(approvalsCommand());
program.addCommand(requestCommand());
program.addCommand(suggestMasksCommand());
program.addCommand(checkCommand());
program.addCommand(planCommand());
program.addCommand(applyCommand());
program.addCommand(revisionsCommand());
program.addCommand(schemaCommand());
program.addCommand(devCommand());

own(program);

const LINGER_MS = 1_000;

// `postern token | head -c 0`: a reader that has seen enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCode(error);
}
// A command that is done is done: what may still wait for a network (a token for a client that has gone) is cut.
setTimeout(() => process.exit(), LINGER_MS).unref();

function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CliError) {
    console.error(`postern: ${error.message}`);
    if (error.hint !== '') console.error(`         ${error.hint}`);
    return error.exitCode;
  }
  // A bug: the stack is what its report needs.
  console.error(error);
  return EXIT.failed;
}

/** Commander would end the process with 1 for a wrong command line; the exit codes are ours. */
function own(command: Command): void {
  command.showHelpAfterError('(--help says more)').exitOverride();
  for (const child of command.commands) own(child);
}
