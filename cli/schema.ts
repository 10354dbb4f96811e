// `postern schema`: the JSON Schema of postern.yaml, for editors and linters.
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { policyJsonSchema } from '../core/policy/document.ts';

export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON Schema of the policy file')
    .option('--out <file>', 'write it to a file')
    .action(({ out }: { out?: string }) => {
      const text = `${JSON.stringify(policyJsonSchema(), null, 2)}\n`;
      if (out === undefined) process.stdout.write(text);
      else writeFileSync(out, text);
    });
}
