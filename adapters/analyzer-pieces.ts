// Texts cut to the length that a model takes, and what it finds in the pieces as findings of the texts. Neighbouring pieces
// overlap, so that a name or an address at a border stands whole in one of them.
import type { AnalyzedText, ModelFinding } from '../core/masking/detect/model.ts';

export interface Piece extends AnalyzedText {
  /** Which of the texts it is of, and where it begins in it: UTF-16 code units. */
  readonly of: number;
  readonly at: number;
}

/** Longer than any name or address. UTF-16 code units; pieces are several times as long. */
const OVERLAP = 256;

export function piecesOf(texts: readonly AnalyzedText[], length: number): Piece[] {
  return texts.flatMap(({ text, context }, of) => {
    const pieces: Piece[] = [];
    for (let at = 0; ;) {
      const end = onCharacter(text, Math.min(text.length, at + length));
      pieces.push({ text: text.slice(at, end), context, of, at });
      if (end === text.length) return pieces;
      at = onCharacter(text, end - OVERLAP);
    }
  });
}

/** Lists of pieces of one context, each as many as one question may hold. */
export function questionsOf(
  pieces: readonly Piece[],
  most: { readonly texts: number; readonly length: number },
): Piece[][] {
  const questions: Piece[][] = [];
  const open = new Map<string, { pieces: Piece[]; length: number }>();
  for (const piece of pieces) {
    const question = open.get(piece.context);
    const fits =
      question !== undefined &&
      question.pieces.length < most.texts &&
      question.length + piece.text.length <= most.length;
    if (fits) {
      question.pieces.push(piece);
      question.length += piece.text.length;
    } else {
      const begun = { pieces: [piece], length: piece.text.length };
      questions.push(begun.pieces);
      open.set(piece.context, begun);
    }
  }
  return questions;
}

/** A finding in a piece, as one in its text. */
export function inText(piece: Piece, finding: ModelFinding): ModelFinding {
  return { ...finding, start: finding.start + piece.at, end: finding.end + piece.at };
}

/** Not between the halves of a pair. */
function onCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}
