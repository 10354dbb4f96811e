// One text per value: JSON with sorted keys and no white space, as RFC 8785 (JCS) writes it. What is hashed must have only
// one spelling. Refuses what JSON cannot hold instead of dropping it.

/**
 * Canonical JSON of plain data. Keys are sorted by UTF-16 code units; a key whose value is undefined is left out, as
 * JSON.stringify does. Lone surrogates come out escaped, so the text is always well-formed.
 * @throws TypeError for anything else that JSON cannot hold (NaN, bigint, functions, undefined in a list)
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('canonical JSON holds finite numbers only');
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return listJson(value);
      return objectJson(value as Readonly<Record<string, unknown>>);
    default:
      throw new TypeError(`canonical JSON cannot hold a ${typeof value}`);
  }
}

function listJson(values: readonly unknown[]): string {
  let text = '[';
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ',';
    text += canonicalJson(values[i]);
  }
  return `${text}]`;
}

function objectJson(value: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const key of sorted(Object.keys(value))) {
    const member = value[key];
    if (member === undefined) continue;
    text += `${text === '' ? '{' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}

/** In place. Events have few keys, for which insertion is several times faster than Array.sort. */
function sorted(keys: string[]): string[] {
  if (keys.length > 24) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let at = i;
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}
