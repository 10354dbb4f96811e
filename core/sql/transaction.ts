// What the open transaction has done to names, text after text. A migration sends hundreds of them, so each is walked
// once: a list that goes on where it ended the last time only adds its new texts. Lists are told apart by identity, for
// sessions on one target share an inspector.
import type { Catalog } from './catalog.ts';
import { Pending } from './pending.ts';
import { recall, type TextWorld, type UncommittedText } from './texts.ts';

/** Gives the names that `texts` left behind; the result must be copied before it is changed. */
export type Recall = (
  world: Omit<TextWorld, 'inherited'>,
  texts: readonly UncommittedText[],
) => Pending;

interface Walked {
  readonly catalog: Catalog;
  readonly texts: UncommittedText[];
  readonly pending: Pending;
}

export function createRecall(): Recall {
  const lists = new WeakMap<readonly UncommittedText[], Walked>();
  return (world, texts) => {
    if (texts.length === 0) return new Pending();
    const { catalog } = world;
    let known = lists.get(texts);
    if (known === undefined || known.catalog !== catalog || !startsWith(texts, known.texts)) {
      known = { catalog, texts: [], pending: new Pending() };
      lists.set(texts, known);
    }
    for (const text of texts.slice(known.texts.length)) {
      recall({ ...world, inherited: known.pending }, text, known.pending);
      known.texts.push(text);
    }
    return known.pending;
  };
}

/** The caller may have emptied and refilled its list. */
function startsWith(
  texts: readonly UncommittedText[],
  beginning: readonly UncommittedText[],
): boolean {
  return (
    beginning.length <= texts.length &&
    beginning.every((text, position) => text === texts[position])
  );
}
