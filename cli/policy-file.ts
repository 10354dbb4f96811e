// A policy file on disk: read, checked and hashed, the way the gateway will read it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { parsePolicy } from '../core/policy/parse.ts';
import type { Policy } from '../core/policy/policy.ts';
import { formatProblem } from '../core/policy/problem.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';

export interface PolicyFile {
  /** What is applied: line ends as \n, whatever the checkout made of them. */
  readonly document: string;
  /** SHA-256, hex, of the document. */
  readonly hash: string;
  readonly policy: Policy;
}

export const DEFAULT_FILE = 'postern.yaml';

/** @throws CliError with every problem on its own line as file:line:column */
export function readPolicyFile(
  file: string,
  options: { readonly development: boolean },
): PolicyFile {
  let document: string;
  try {
    document = new TextDecoder('utf-8', { fatal: true })
      .decode(readFileSync(file))
      .replaceAll('\r\n', '\n');
  } catch (error) {
    throw new CliError(EXIT.usage, `${file} cannot be read: ${reasonOf(error)}`);
  }
  const parsed = parsePolicy(document, options);
  if (!parsed.ok) {
    const lines = parsed.error.map((problem) => formatProblem(file, problem));
    throw new CliError(EXIT.failed, `the policy is not valid\n${lines.join('\n')}`);
  }
  return { document, hash: hashOf(document), policy: parsed.value };
}

export function hashOf(document: string): string {
  return createHash('sha256').update(document).digest('hex');
}

export function checkCommand(): Command {
  return new Command('check')
    .description('check a policy file, without any gateway')
    .option('-f, --file <file>', 'the policy file', DEFAULT_FILE)
    .option('--development', 'accept loopback http issuers and plaintext loopback targets')
    .action(({ file, development }: { file: string; development?: true }) => {
      const { policy, hash } = readPolicyFile(file, { development: development === true });
      const { issuers, targets, rules, masks } = policy;
      console.log(
        `${file} is valid: ${issuers.length} issuers, ${targets.length} targets, ${rules.length} rules, ${masks.length} masks; sha256 ${hash}`,
      );
      for (const line of maskNotes(policy)) console.log(line);
    });
}

/** What a file needs of its gateway and cannot say itself. */
export function maskNotes({ masks }: Policy): string[] {
  const keyed = masks.filter(({ as }) => as === 'hash' || as === 'fake').map(({ id }) => id);
  if (keyed.length === 0) return [];
  return [
    `Masks with a key (${keyed.join(', ')}): the gateway refuses what they mask until the secret POSTERN_MASK_KEY is set (docs/masking.md).`,
  ];
}
