// Who may vote, and when the votes are enough. Votes are only ever approvals here: one denial by anybody who may vote ends
// an approval, and needs no counting.
//
//   · A person counts once, whatever identities and groups they have (person.ts).
//   · Rules that ask the same groups ask one question; the highest quorum of them is asked for.
//   · Rules that ask different groups ask for different people: somebody in both groups fills one place, not two.
import type { ApprovalDemand } from '../decision.ts';
import type { VoteCode } from '../failure.ts';
import { marks, persons, samePerson, type Identity } from './person.ts';

/** One question to a set of groups. */
export interface Question {
  /** Sorted, distinct. */
  readonly by: readonly string[];
  readonly quorum: number;
  readonly rules: readonly string[];
}

/** An approving vote: whose, and in which groups they were when they voted. */
export interface Approving {
  readonly id: string;
  readonly groups: readonly string[];
  /** marks() of the identity. */
  readonly marks: readonly string[];
}

export interface Progress extends Question {
  /** Principal ids, one a person, of those who fill a place here. At most `quorum`. */
  readonly filledBy: readonly string[];
}

export interface Tally {
  readonly questions: readonly Progress[];
  readonly satisfied: boolean;
}

export function questions(demands: readonly ApprovalDemand[]): readonly Question[] {
  const merged = new Map<string, { by: readonly string[]; quorum: number; rules: string[] }>();
  for (const { rule, by, quorum } of demands) {
    const groups = [...new Set(by)].sort();
    const name = JSON.stringify(groups);
    const known = merged.get(name);
    if (known === undefined) {
      merged.set(name, { by: groups, quorum, rules: [rule] });
    } else {
      known.quorum = Math.max(known.quorum, quorum);
      known.rules.push(rule);
    }
  }
  return [...merged.values()];
}

/** Whether somebody may decide about what `requester` asks for; null when they may. */
export function voteRefusal(
  demands: readonly ApprovalDemand[],
  requester: Identity,
  voter: Identity,
): VoteCode | null {
  // Anything that is not known to be a human is none.
  if (voter.kind !== 'human') return 'workload_cannot_decide';
  if (samePerson(marks(requester), marks(voter))) return 'own_request';
  return mayAnswer(demands, voter.groups) ? null : 'not_an_approver';
}

/** Whether one of the groups is asked. Says nothing about who is in it. */
export function mayAnswer(demands: readonly ApprovalDemand[], groups: readonly string[]): boolean {
  return demands.some(({ by }) => by.some((group) => groups.includes(group)));
}

/** No demands are never satisfied: an approval that asks nobody is a mistake, not a yes. */
export function tally(demands: readonly ApprovalDemand[], votes: readonly Approving[]): Tally {
  const asked = questions(demands);
  const people = persons(votes.map((vote) => vote.marks)).map((members) => {
    const own = members.flatMap((index) => votes[index] ?? []);
    return { id: own[0]?.id ?? '', groups: new Set(own.flatMap(({ groups }) => groups)) };
  });
  const places = seat(
    asked.map(({ quorum }) => quorum),
    people.map(({ groups }) => asked.map(({ by }) => by.some((group) => groups.has(group)))),
  );
  const progress = asked.map((question, index) => ({
    ...question,
    filledBy: places[index]?.flatMap((person) => people[person]?.id ?? []) ?? [],
  }));
  const satisfied =
    progress.length > 0 && progress.every(({ quorum, filledBy }) => filledBy.length >= quorum);
  return { questions: progress, satisfied };
}

/**
 * Seats people at questions, one place each, filling as many places as can be filled (augmenting paths, as for any maximum
 * matching): who came first may be moved to another question they can answer.
 * `fits[person][question]`; answers with the people at each question.
 */
function seat(
  capacity: readonly number[],
  fits: readonly (readonly boolean[])[],
): readonly (readonly number[])[] {
  const seated: number[][] = capacity.map(() => []);
  const place = (person: number, tried: Set<number>): boolean => {
    for (const [question, places] of seated.entries()) {
      if (fits[person]?.[question] !== true || tried.has(question)) continue;
      tried.add(question);
      if (places.length < (capacity[question] ?? 0)) {
        places.push(person);
        return true;
      }
      for (const [index, other] of places.entries()) {
        if (!place(other, tried)) continue;
        places[index] = person;
        return true;
      }
    }
    return false;
  };
  for (const person of fits.keys()) place(person, new Set());
  return seated;
}
