#!/usr/bin/env node
// `postern`, the command line on the caller's and the operator's machine. One file per command.
import { Command } from 'commander';

const program = new Command('postern')
  .description('The guarded side gate for non-human identities.')
  .version('0.1.0')
  .showHelpAfterError();

await program.parseAsync();
