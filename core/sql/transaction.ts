// What the open transaction has done to names, text after text. A migration sends hundreds of them, so each is walked
// once: a list that goes on where the last one ended only adds its new texts.
import type { Catalog } from './catalog.ts';
import { Pending } from './pending.ts';
import { recall, type TextWorld, type UncommittedText } from './texts.ts';

/** Gives the names that `texts` left behind; the result must be copied before it is changed. */
export type Recall = (
  world: Omit<TextWorld, 'inherited'>,
  texts: readonly UncommittedText[],
) => Pending;

export function createRecall(): Recall {
  let walked: UncommittedText[] = [];
  let pending = new Pending();
  let seen: Catalog | null = null;
  return (world, texts) => {
    const goesOn =
      seen === world.catalog &&
      walked.length <= texts.length &&
      walked.every((text, position) => text === texts[position]);
    if (!goesOn) {
      walked = [];
      pending = new Pending();
      seen = world.catalog;
    }
    for (const text of texts.slice(walked.length)) {
      recall({ ...world, inherited: pending }, text, pending);
      walked.push(text);
    }
    return pending;
  };
}
