// What is wrong with a policy file, and where.

/** A fault in the parsed document. `path` leads to the value; `offset` counts from the start of that string. */
export interface DocumentProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly offset?: number;
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean;
}

export interface PolicyProblem {
  readonly message: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** `rules.2.when`; empty for the file as a whole. */
  readonly path: string;
}

/** `postern.yaml:12:9: rules.2.when: No such key: efect` */
export function formatProblem(file: string, problem: PolicyProblem): string {
  const where = problem.path === '' ? '' : `${problem.path}: `;
  return `${file}:${problem.line}:${problem.column}: ${where}${problem.message}`;
}
