// The few bytes with which a Postgres server refuses: ErrorResponse (protocol 3, section 55.8 of the manual). Written by
// hand, so that a refusal by the gateway reaches the client's own screen.
import { CLOSE } from '../core/tunnel.ts';
import { type CliError, EXIT } from './failure.ts';
import { printable } from './problem.ts';
import type { TunnelEnd } from './pump.ts';

export interface FatalError {
  /** Five characters, appendix A of the manual. */
  readonly sqlState: string;
  readonly message: string;
  /** Empty when there is none. */
  readonly hint: string;
}

/** ErrorResponse with severity FATAL: the client knows that the connection is over. */
export function encodeFatalError(error: FatalError): Buffer {
  const fields = [
    ['S', 'FATAL'], // localised severity
    ['V', 'FATAL'], // the same, never localised
    ['C', error.sqlState],
    ['M', error.message],
    ...(error.hint === '' ? [] : [['H', error.hint]]),
  ];
  // A NUL would end the field early and be read as the next one's type.
  const body = fields.map(
    ([type, value]) => `${type ?? ''}${value?.replaceAll('\0', ' ') ?? ''}\0`,
  );
  const bytes = Buffer.from(`${body.join('')}\0`, 'utf8');
  const head = Buffer.alloc(5);
  head.write('E', 0, 'latin1');
  head.writeInt32BE(4 + bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** What a client is told when its tunnel could not be opened. */
export function fatalFromFailure(failure: CliError): FatalError {
  return { sqlState: sqlStateOf(failure), message: failure.message, hint: failure.hint };
}

function sqlStateOf(failure: CliError): string {
  switch (failure.exitCode) {
    case EXIT.unauthorized:
    case EXIT.refused:
      return '28000'; // invalid_authorization_specification, as pg_hba.conf refuses
    case EXIT.targetUnreachable:
      return '57P03'; // cannot_connect_now: clients may try again
    case EXIT.gatewayUnreachable:
      return '08001'; // sqlclient_unable_to_establish_sqlconnection
    default:
      return 'XX000';
  }
}

/** What a client is told when its tunnel ended; null for a normal end, which needs no words. */
export function fatalFromEnd(end: TunnelEnd): FatalError | null {
  if (end.code === CLOSE.ended || end.code === 1001 || end.code === 1005) return null;
  const [sqlState, sentence] = ENDS[end.code] ?? LOST;
  return { sqlState, message: endSentence(sentence, printable(end.reason)), hint: '' };
}

/** The gateway closes with a core/failure.ts code, or with a sentence of its own. */
function endSentence(sentence: string, reason: string): string {
  if (reason === '') return sentence;
  return /^[a-z_]+$/.test(reason) ? `${sentence.replace(/\.$/, '')} (${reason}).` : reason;
}

const LOST = ['08006', 'The connection to the gateway was lost.'] as const;

const ENDS: { readonly [code: number]: readonly [sqlState: string, sentence: string] } = {
  [CLOSE.refused]: ['28000', 'The gateway refused the session.'],
  [CLOSE.unauthorized]: ['28000', 'The gateway did not accept the token.'],
  [CLOSE.targetUnreachable]: ['57P03', 'The gateway cannot reach the target.'],
  [CLOSE.protocol]: ['08P01', 'The gateway and this command do not understand each other.'],
  [CLOSE.slow]: ['57P05', 'The gateway ended the session because its client stopped reading.'],
  [CLOSE.revoked]: ['57P01', 'The gateway ended the session.'],
  [CLOSE.internal]: ['XX000', 'The gateway failed.'],
};
