// What a client says that it can do besides calling tools. It says so on every request in 2026-07-28; in 2025-11-25 once,
// when it connects, and since nothing is kept here between requests, it carries that back in a session id that says it.
// All of this is the client's word: it chooses the form of an answer and nothing else.
// @see https://modelcontextprotocol.io/specification/2026-07-28/basic/index, "_meta"

/** SEP-2663. In revisions with a handshake it means nothing, whoever declares it. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';
/** The first revision with URL elicitation, and the last one with a handshake. */
export const URL_REVISION = '2025-11-25';

export interface Abilities {
  /** Takes a task instead of a result. */
  readonly tasks: boolean;
  /** Shows its user a link that the server names. */
  readonly url: boolean;
}

export const NO_ABILITIES: Abilities = { tasks: false, url: false };

/** Of a request of 2026-07-28. Whatever is not declared as the specification has it is not declared. */
export function abilitiesOf(capabilities: unknown): Abilities {
  return {
    tasks: isObject(member(member(capabilities, 'extensions'), TASKS_EXTENSION)),
    url: isObject(member(member(capabilities, 'elicitation'), 'url')),
  };
}

/** `message`: one that the SDK has answered as an initialize request. Older revisions know no URL mode. */
export function declaresUrl(message: unknown, revision: unknown): boolean {
  if (member(message, 'method') !== 'initialize' || revision !== URL_REVISION) return false;
  return abilitiesOf(member(member(message, 'params'), 'capabilities')).url;
}

/** The id for a client that shows links. `random`: 32 hex digits; it is worth nothing to whoever guesses it. */
export function urlSession(random: string): string {
  return `url-${random}`;
}

/** What the headers of a request with a handshake carry back. */
export function carriedAbilities(
  session: string | undefined,
  revision: string | undefined,
): Abilities {
  const url = revision === URL_REVISION && /^url-[0-9a-f]{32}$/.test(session ?? '');
  return { tasks: false, url };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
