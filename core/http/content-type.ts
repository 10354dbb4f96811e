// What a body says it is (RFC 9110 section 8.3). Only what is certain counts: a type that two parsers could read as two
// types is null, and a body of it opaque.

export interface ContentType {
  /** `application/json`, in lower case. */
  readonly essence: string;
  /** Names in lower case, values without quotes. */
  readonly parameters: Readonly<Record<string, string>>;
}

const ESSENCE = /^[!#$&^_.+\-0-9a-z]+\/[!#$&^_.+\-0-9a-z]+$/;
const PARAMETER =
  /\s*;\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\\r\n]|\\[^\r\n])*)"|([!#$%&'*+\-.^_`|~0-9A-Za-z]+))/y;

/** Null for what is malformed, or has a parameter twice. */
export function parseContentType(value: string): ContentType | null {
  const semicolon = value.indexOf(';');
  const head = semicolon === -1 ? value : value.slice(0, semicolon);
  const essence = head.trim().toLowerCase();
  if (!ESSENCE.test(essence)) return null;
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = head.length;
  while (PARAMETER.lastIndex < value.length) {
    const match = PARAMETER.exec(value);
    const name = match?.[1]?.toLowerCase();
    if (match === null || name === undefined || parameters.has(name)) return null;
    parameters.set(name, match[2]?.replaceAll(/\\(.)/g, '$1') ?? match[3] ?? '');
  }
  return { essence, parameters: Object.fromEntries(parameters) };
}

/** `application/json` and everything that ends in `+json` (RFC 6839 section 3.1). */
export function isJson({ essence }: ContentType): boolean {
  return /^(?:application|text)\/json$|\+json$/.test(essence);
}

/** JSON, forms and GraphQL are UTF-8 here; another charset is another text. */
export function isUtf8({ parameters }: ContentType): boolean {
  const charset = parameters['charset']?.toLowerCase();
  return charset === undefined || charset === 'utf-8' || charset === 'utf8';
}
