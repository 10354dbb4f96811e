// A refusal in HTTP's own words: problem documents (RFC 9457) that a person or a model can act on. What was refused, by
// which rule, what to do instead; never a value of a header, a secret or an internal error. Failures of the gateway itself
// and of tokens are worker/render-failure.ts's; the form of the document is the same.
import type { Denial } from '../decision.ts';
import type { DenyCode, SessionCode } from '../failure.ts';
import type { HeaderCode } from './headers.ts';
import type { HeaderList } from './header-list.ts';
import type { MethodCode } from './method.ts';
import type { PathCode } from './path.ts';
import type { QueryCode } from './query.ts';

/** A request that is not judged at all: it could mean more than one thing. Nothing of it was sent. */
export type RequestCode = PathCode | QueryCode | MethodCode | HeaderCode | 'query_credential';

/** An answer, ready for a Response. */
export interface Answer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: string;
}

interface Wording {
  readonly status: number;
  /** What was wrong. */
  readonly detail: string;
  /** What to send instead. */
  readonly hint: string;
}

const PLAIN_PATH = 'Send the path plainly: segments between single slashes, no dot segments.';
const ENCODE = 'Percent-encode it, once, as UTF-8.';

const REQUESTS: Readonly<Record<RequestCode, Wording>> = {
  path_absolute_form: bad(
    'The path holds a whole URL.',
    'The address of a target stands in the policy; send the path below it only.',
  ),
  path_not_rooted: bad('The path does not begin with a slash.', PLAIN_PATH),
  path_too_long: { status: 414, detail: 'The path is too long.', hint: '' },
  path_control: bad('The path holds a control character.', 'Leave it out.'),
  path_character: bad('The path holds a character that no path may hold unencoded.', ENCODE),
  path_non_ascii: bad('The path holds a character beyond ASCII.', ENCODE),
  path_fragment: bad('The path holds a fragment.', 'Fragments are not sent; leave it out.'),
  path_query: bad('The path holds a question mark.', 'Send parameters as the query string.'),
  path_backslash: bad(
    'The path holds a backslash, which some servers read as a slash.',
    PLAIN_PATH,
  ),
  path_parameter: bad(
    'The path holds a semicolon, behind which some servers cut it off.',
    PLAIN_PATH,
  ),
  path_percent: bad('The path holds a % that begins no escape.', 'Write %25 for a percent sign.'),
  path_encoded_dot: bad('The path holds an encoded dot.', 'Dots need no encoding: send `.`.'),
  path_encoded_delimiter: bad(
    'The path holds an encoded slash, question mark or number sign.',
    'If the target needs them in its names, its operator can allow them in the policy.',
  ),
  path_double_encoded: bad('The path is encoded twice.', ENCODE),
  path_utf8: bad('The path holds escapes that are no UTF-8.', ENCODE),
  path_confusable: bad('The path holds a character that some servers turn into another one.', ''),
  path_dot_segment: bad(
    'The path holds a dot segment.',
    'Resolve `.` and `..` before you send it.',
  ),
  path_empty_segment: bad('The path holds an empty segment.', 'Send single slashes only.'),
  query_too_long: { status: 414, detail: 'The query is too long.', hint: '' },
  query_character: bad('The query holds a character that must be encoded.', ENCODE),
  query_separator: bad(
    'The query holds a bare semicolon, at which some servers split it.',
    'Write `&` between parameters, and %3B for a semicolon in a value.',
  ),
  query_undecodable: bad('The query holds escapes that are broken or no UTF-8.', ENCODE),
  query_nul: bad('The query holds a zero byte.', 'Leave it out.'),
  query_credential: bad(
    'The query holds the parameter in which the gateway sends the credential.',
    'Leave it out: the gateway adds it.',
  ),
  method_refused: { status: 405, detail: 'This method is never forwarded.', hint: '' },
  method_malformed: bad('The method is malformed.', 'Methods are in upper case.'),
  header_name: bad('A header has a malformed name.', ''),
  header_value: bad('A header has a value with characters that none may hold.', ''),
  headers_too_large: { status: 431, detail: 'The headers are too large.', hint: '' },
  header_override: bad(
    'A header asks for another method, path or role than the request has.',
    'Send the method and the path that you mean.',
  ),
  header_framing: bad('Headers contradict each other about the body.', ''),
  header_connection: bad('Connection names a header that belongs to the request.', ''),
  header_expectation: {
    status: 417,
    detail: 'The expectation is none that the gateway knows.',
    hint: 'Only 100-continue is.',
  },
  header_repeated: bad('A header is there twice that counts once.', ''),
  header_loop: {
    status: 508,
    detail: 'The request has been through this gateway before.',
    hint: '',
  },
};

/** The status of a denial; what a client does with one it knows should be right for this one too. */
const DENIALS: Readonly<Partial<Record<DenyCode, number>>> = {
  request_refused: 400,
  mask_body: 502,
  policy_unreadable: 503,
  catalog_unavailable: 503,
  journal_unavailable: 503,
  approval_unavailable: 403,
  approval_pending: 409,
  approval_too_many: 429,
  limit_exceeded: 429,
  limit_unavailable: 503,
  mask_key_missing: 503,
  mask_mismatch: 502,
  mask_model_unavailable: 503,
};

/** A request that was refused before it was judged. `header` is named where the code is about one. */
export function requestRefusal(code: RequestCode, header = ''): Answer {
  const { status, detail, hint } = REQUESTS[code];
  const named = header === '' ? {} : { header };
  return problem(status, 'Request refused', code, {
    detail: `${detail} Nothing was sent.`,
    hint,
    ...named,
  });
}

/** A request that the policy refuses. */
export function denialRefusal(denial: Denial, revision: number): Answer {
  const status = DENIALS[denial.code] ?? 403;
  const { rule, message, hint } = denial;
  const answer = problem(status, status === 403 ? 'Refused' : 'Not possible now', denial.code, {
    detail: message,
    hint,
    ...(rule === null ? {} : { rule }),
    revision,
  });
  return status === 503 || status === 429
    ? {
        ...answer,
        headers: [...answer.headers, ['retry-after', String(denial.retryAfterSeconds ?? 5)]],
      }
    : answer;
}

/** What the gateway itself could not do, or what ended the session. */
const FAILURES: Readonly<Partial<Record<SessionCode, Wording>>> = {
  internal: { status: 500, detail: 'The gateway failed.', hint: '' },
  journal_unavailable: {
    status: 503,
    detail: 'The gateway cannot record what would run, so nothing was sent.',
    hint: 'Try again.',
  },
  protocol_refused: {
    status: 403,
    detail: 'This target takes no WebSockets through the gateway. Nothing was sent.',
    hint: '',
  },
  client_protocol: bad('The body did not come as it was announced. Nothing was sent.', ''),
  target_unreachable: { status: 502, detail: 'The target cannot be reached.', hint: '' },
  target_tls_failed: {
    status: 502,
    detail: "The target's certificate could not be verified.",
    hint: '',
  },
  target_auth_failed: {
    status: 502,
    detail: 'The gateway has no credential that the target accepts.',
    hint: 'An operator has to look at it.',
  },
  target_protocol: {
    status: 502,
    detail: 'The target answered with something that is not passed on.',
    hint: '',
  },
  target_closed: { status: 502, detail: 'The target broke off before it answered.', hint: '' },
  request_refused: bad('The request cannot be sent as it was judged.', ''),
  token_ended: { status: 401, detail: 'The token has expired.', hint: 'Send a current one.' },
  grant_ended: {
    status: 403,
    detail: 'The access that was granted has ended.',
    hint: 'Ask again.',
  },
  policy_ended: { status: 403, detail: 'A changed policy no longer allows this.', hint: '' },
  killed: { status: 403, detail: 'The session was ended by an operator.', hint: '' },
};

/** Whatever else ends a session between two requests. */
const ENDED: Wording = { status: 503, detail: 'The session has ended.', hint: 'Send it again.' };

/** `sent`: the target may have got the request; null: nothing is said about it. */
export function failureRefusal(code: SessionCode, sent: boolean | null = null): Answer {
  const { status, detail: what, hint } = FAILURES[code] ?? ENDED;
  const detail =
    sent === null
      ? what
      : sent
        ? `${what} It may have acted on the request: look before you send it again.`
        : `${what} Nothing was sent.`;
  const answer = problem(status, status < 500 ? 'Refused' : 'Not possible now', code, {
    detail,
    hint,
  });
  return status === 503
    ? { ...answer, headers: [...answer.headers, ['retry-after', '1']] }
    : answer;
}

/** The target has answered, and the answer cannot be held to the masks that are in force. */
export function unmaskable(why: string): Answer {
  return problem(502, 'Answer withheld', 'mask_body', {
    detail: `Fields of this target are masked for you, and this answer cannot be. ${why} The target has acted on the request.`,
    hint: 'Ask for JSON, or for a part of it that holds nothing masked.',
  });
}

export interface HeldRequest {
  readonly approval: string;
  /** Where people decide. */
  readonly link: string;
  /** Where the caller asks how it stands, a path at the gateway. */
  readonly poll: string;
  readonly rules: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** 202: people are asked. Nothing was sent; the approved request runs once. */
export function held({ approval, link, poll, rules, expiresAtMs }: HeldRequest): Answer {
  const body = {
    status: 'pending',
    approval,
    link,
    poll,
    rules,
    expiresAt: new Date(expiresAtMs).toISOString(),
    detail: 'People have to approve this request first. Nothing was sent.',
    hint: `Give somebody who may decide the link, and GET ${poll} until the status is no longer pending. Approved, exactly the same request sent again runs, once.`,
  };
  return {
    status: 202,
    headers: [
      ['content-type', 'application/json'],
      ['cache-control', 'no-store'],
      ['location', poll],
      ['retry-after', '5'],
    ],
    body: JSON.stringify(body),
  };
}

function problem(
  status: number,
  title: string,
  code: string,
  {
    hint,
    ...more
  }: { readonly detail: string; readonly hint: string } & Readonly<Record<string, unknown>>,
): Answer {
  return {
    status,
    headers: [
      ['content-type', 'application/problem+json'],
      ['cache-control', 'no-store'],
    ],
    body: JSON.stringify({
      type: `urn:postern:problem:${code}`,
      title,
      status,
      code,
      ...more,
      ...(hint === '' ? {} : { hint }),
    }),
  };
}

function bad(detail: string, hint: string): Wording {
  return { status: 400, detail, hint };
}
