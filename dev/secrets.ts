// Reads a --secrets file (dotenv, JSON or YAML: NAME to value) into bindings, as `wrangler secret put` would set them.
// Values are never printed; an error names the file and the name, not the value.
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { parseEnv } from 'node:util';
import { parse as parseYaml } from 'yaml';

/** @throws Error with one sentence when the file is missing or malformed. */
export function readSecrets(file: string): Readonly<Record<string, string>> {
  const secrets: Record<string, string> = {};
  for (const [name, value] of Object.entries(parseSecrets(file, readFileSync(file, 'utf8')))) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new Error(`${file}: ${JSON.stringify(name)} is not a name for a secret`);
    }
    if (typeof value !== 'string') throw new Error(`${file}: ${name} must be a string`);
    secrets[name] = value;
  }
  return secrets;
}

function parseSecrets(file: string, text: string): Record<string, unknown> {
  const extension = extname(file);
  if (extension !== '.json' && extension !== '.yaml' && extension !== '.yml') {
    return parseEnv(text);
  }
  const parsed = parseDocument(file, extension, text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Error(`${file}: expected NAME: value pairs`);
  }
  return parsed as Record<string, unknown>;
}

function parseDocument(file: string, extension: string, text: string): unknown {
  try {
    // YAML's failsafe schema keeps every scalar a string: a password of 0123 or `no` stays what was typed.
    return extension === '.json' ? JSON.parse(text) : parseYaml(text, { schema: 'failsafe' });
  } catch {
    // The parsers' own messages quote the text around the mistake, and that text is a secret.
    throw new Error(`${file}: not valid ${extension === '.json' ? 'JSON' : 'YAML'}`);
  }
}
