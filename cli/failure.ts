// How a command fails: one sentence for a human, one exit code for a script. main.ts prints and exits; nothing else does.
// Anything that is not a CliError is a bug and is printed with its stack.

/** Exit codes, as docs/cli.md documents them. `exec` exits with its command's own code instead. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unauthorized: 3,
  refused: 4,
  targetUnreachable: 5,
  gatewayUnreachable: 6,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  /** What the reader can do about it; empty when nothing. */
  readonly hint: string;

  /** `message` is one sentence without a secret in it. */
  constructor(exitCode: ExitCode, message: string, hint = '') {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** The words of an unknown thrown value; for network errors the cause says more than the error itself. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause: unknown = error.cause;
  if (cause instanceof Error && cause.message !== '') return cause.message;
  // Node's happy-eyeballs error has an empty message and its reasons in `errors`.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error.message === '' ? error.name : error.message;
}
