// The gateway's refusals (RFC 9457 problem+json), turned into a CliError with its exit code. Shared by HTTP calls and by
// refused WebSocket upgrades.
import { CliError, EXIT, type ExitCode } from './failure.ts';

/** Bytes of an error body worth reading; a gateway's sentence is far shorter. */
export const MAX_PROBLEM_BYTES = 64 * 1024;

const HINTS: { readonly [code: number]: string } = {
  [EXIT.unauthorized]:
    'Run `postern login`, or check POSTERN_TOKEN; `postern whoami` shows what is sent.',
};

/** `body` is the text of the answer; anything that is not a problem document is summed up by its status. */
export function problemFailure(status: number, contentType: string, body: string): CliError {
  const problem = contentType.includes('json') ? parseProblem(body) : {};
  const exitCode = exitCodeOf(status, problem.code);
  const sentence = problem.detail ?? problem.title ?? plainSentence(status);
  return new CliError(exitCode, sentence, problem.hint ?? HINTS[exitCode] ?? '');
}

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  /** A core/failure.ts code, as an extension member. */
  readonly code?: string;
  readonly hint?: string;
}

function parseProblem(body: string): Problem {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return {}; // a broken body says nothing; the status still does
  }
  if (typeof parsed !== 'object' || parsed === null) return {};
  const problem: Record<string, string> = {};
  for (const name of ['title', 'detail', 'code', 'hint']) {
    const value: unknown = Object.entries(parsed).find(([key]) => key === name)?.[1];
    if (typeof value === 'string' && value !== '') problem[name] = printable(value);
  }
  return problem;
}

/** A gateway's words end on a terminal: control characters could repaint it. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]+/gu, ' ').trim();
}

function exitCodeOf(status: number, code: string | undefined): ExitCode {
  switch (code) {
    case 'target_unreachable':
    case 'target_auth_failed':
    case 'target_tls_failed':
    case 'target_protocol':
    case 'target_closed':
      return EXIT.targetUnreachable;
    case 'target_unknown':
      return EXIT.refused;
    default:
      break;
  }
  if (status === 401) return EXIT.unauthorized;
  if (status === 403 || status === 429) return EXIT.refused;
  if (status === 502 || status === 504) return EXIT.targetUnreachable;
  return EXIT.failed;
}

function plainSentence(status: number): string {
  if (status === 401) return 'The gateway did not accept the token.';
  if (status === 403) return 'The gateway refused this by policy.';
  if (status === 404) return 'The gateway does not know this address.';
  if (status >= 300 && status < 400) {
    return 'The gateway answered with a redirect: is the URL right, and is nothing in front of it asking for a login?';
  }
  return `The gateway answered with HTTP status ${status}.`;
}
