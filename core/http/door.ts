// Takes a request's URL apart, at `/http/{target}`. From the text of the URL and nothing else: routers decode what they hand
// on, and then another path would be judged than the one that was asked for.
//
// A Worker never sees the request line. The URL it gets has been through the WHATWG parser: `..` and `%2e%2e` are resolved,
// `\` is `/`, tabs and line breaks are gone, other characters are encoded. So `/http/a/../b/x` arrives as `/http/b/x` and is
// a request to b, under b's rules; `/http/a/../../v1/x` arrives as `/v1/x` and never comes here. Nothing can climb, provided
// that target and path are cut from the same text; that is what this does.

export interface DoorUrl {
  readonly target: string;
  /** Everything behind the target, from its slash on and up to `?`; may be empty. Not normalised. */
  readonly path: string;
  /** What follows the first `?`, to the letter; null where there is none. */
  readonly query: string | null;
}

const URL_PARTS = /^https?:\/\/[^/?#\\]+(\/[^?#]*)(?:\?([^#]*))?(?:#.*)?$/is;
/** As in the policy file: a target's id needs no encoding, and none is read. */
const TARGET = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Null where the URL does not name a target behind `prefix`, such as `/http`. */
export function doorUrl(url: string, prefix: string): DoorUrl | null {
  const match = URL_PARTS.exec(url);
  const whole = match?.[1];
  if (whole === undefined || !whole.startsWith(`${prefix}/`)) return null;
  const rest = whole.slice(prefix.length + 1);
  const slash = rest.indexOf('/');
  const target = slash === -1 ? rest : rest.slice(0, slash);
  if (!TARGET.test(target)) return null;
  return { target, path: slash === -1 ? '' : rest.slice(slash), query: match?.[2] ?? null };
}
