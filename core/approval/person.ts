// Who is behind an identity, as far as that can be told: people have several, and none of them may approve what another of
// theirs asks for, or count as a second person. Errs on the side of one person: a vote too few asks somebody else, a vote
// too many approves.
import type { Principal } from '../identity.ts';

/** The part of a verified identity that votes need. A Slack user has no claims, only what the policy file says. */
export type Identity = Pick<Principal, 'id' | 'issuer' | 'subject' | 'kind' | 'groups' | 'claims'>;

/** Claims that name a person across issuers (OpenID Connect Core 1.0 section 5.1; `upn` is Entra ID's). */
const NAMING_CLAIMS = ['email', 'preferred_username', 'upn'] as const;

/**
 * What identifies the person: the id, and without regard to case the subject and the naming claims. Whether an e-mail
 * address is verified does not matter here, since a mark can only take a vote away. RFC 8693's `act` is not followed: who
 * acts for somebody carries that somebody's subject, which is what counts.
 */
export function marks(identity: Identity): readonly string[] {
  const found = new Set([`id ${identity.id}`, `name ${folded(identity.subject)}`]);
  for (const claim of NAMING_CLAIMS) {
    const value = Object.hasOwn(identity.claims, claim) ? identity.claims[claim] : undefined;
    if (typeof value === 'string' && value.trim() !== '') found.add(`name ${folded(value)}`);
  }
  return [...found];
}

export function samePerson(a: readonly string[], b: readonly string[]): boolean {
  return a.some((mark) => b.includes(mark));
}

/**
 * Groups what may be one person, also through a third identity: a and c are one when both share a mark with b.
 * Answers with the indices of `all`, grouped, in order of first appearance.
 */
export function persons(all: readonly (readonly string[])[]): readonly (readonly number[])[] {
  let groups: { marks: Set<string>; members: number[] }[] = [];
  all.forEach((own, index) => {
    const joined = { marks: new Set(own), members: [index] };
    groups = groups.filter((group) => {
      if (!own.some((mark) => group.marks.has(mark))) return true;
      for (const mark of group.marks) joined.marks.add(mark);
      joined.members.unshift(...group.members);
      return false;
    });
    groups.push(joined);
  });
  return groups
    .map(({ members }) => members.sort((a, b) => a - b))
    .sort(([a = 0], [b = 0]) => a - b);
}

function folded(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase();
}
