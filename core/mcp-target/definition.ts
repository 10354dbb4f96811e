// A tool's definition: what of it is shown to callers, and the digest by which a policy names the one it means. Nothing that
// the digest does not cover is shown: a description is read by models as instructions.
import { canonicalJson } from '../audit/canonical.ts';
import { toHex, utf8 } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import type { Json } from '../facts.ts';
import type { McpOptions } from '../policy/policy.ts';
import { isObject, type JsonObject } from './message.ts';

const COVERED = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'];

export interface Definition {
  readonly name: string;
  /** SHA-256, hex, over the canonical JSON (RFC 8785) of `shown`. */
  readonly digest: string;
  /** The covered members that it has. */
  readonly shown: JsonObject;
}

/** Null for what is no tool. */
export function definitionOf(tool: unknown, crypto: Pick<Crypto, 'sha256'>): Definition | null {
  if (!isObject(tool) || typeof tool['name'] !== 'string') return null;
  const shown: Record<string, Json> = {};
  for (const key of COVERED) {
    const value = Object.hasOwn(tool, key) ? tool[key] : undefined;
    if (value !== undefined) shown[key] = value;
  }
  const digest = toHex(crypto.sha256(utf8(canonicalJson(shown))));
  return { name: tool['name'], digest, shown };
}

/**
 * The definitions that exist for callers: named by the policy, the one that it means where it says which, and not there
 * twice, since nobody knows which of two would run.
 */
export function enabledDefinitions(
  all: readonly Definition[],
  { tools }: Pick<McpOptions, 'tools'>,
): readonly Definition[] {
  return all.filter(({ name, digest }) => {
    const named = tools.get(name);
    if (named === undefined || (named.definition !== null && named.definition !== digest)) {
      return false;
    }
    return all.filter((other) => other.name === name).length === 1;
  });
}
