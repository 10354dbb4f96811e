// Refusals that the protocol itself calls for, whatever the policy says: the caller's words for each.
import { utf8 } from '../bytes.ts';
import type { Denial } from '../decision.ts';
import type { DenyCode } from '../failure.ts';
import { OWN_PREFIX } from './words.ts';

/** NAMEDATALEN - 1. Postgres cuts longer names off, so two of them could be one object to it and two to us. */
const MAX_NAME_BYTES = 63;

function denial(code: DenyCode, message: string, hint = ''): Denial {
  return { kind: 'deny', code, rule: null, message, hint };
}

function shown(name: string): string {
  return name === '' ? 'The unnamed portal' : `Portal "${name.slice(0, 63)}"`;
}

export function nameDenial(name: string): Denial | null {
  if (name.startsWith(OWN_PREFIX)) return OWN_NAME;
  // Every UTF-16 unit is at least one byte and at most three.
  if (name.length * 3 <= MAX_NAME_BYTES || utf8(name).length <= MAX_NAME_BYTES) return null;
  return denial(
    'protocol_refused',
    `Names of prepared statements and portals may have at most ${MAX_NAME_BYTES} bytes.`,
    'Use a shorter name.',
  );
}

export function unknownPortal(name: string): Denial {
  return denial(
    'protocol_refused',
    `${shown(name)} was not opened in this session, so what it runs is not known.`,
    'Bind the statement again.',
  );
}

export function uncertainStatement(name: string): Denial {
  return denial(
    'protocol_refused',
    `What the prepared statement "${name.slice(0, 63)}" stands for is not certain after a failed text of several statements.`,
    'Deallocate it and prepare it again.',
  );
}

export const REPLANNED = denial(
  'mask_unproven',
  'Columns of this target are masked for you, and what this portal or cursor reads may mean something else by now.',
  'Declare the cursor, or bind the statement, again.',
);

export const OWN_NAME = denial(
  'protocol_refused',
  `Names of prepared statements, portals and cursors may not begin with ${OWN_PREFIX}.`,
  'Use another name.',
);

export const FUNCTION_CALL = denial(
  'protocol_refused',
  'Function calls by oid are refused: what they do cannot be judged.',
  'Use SELECT.',
);

export const TOO_MANY_NAMES = denial(
  'limit_exceeded',
  'Too many prepared statements and portals are open in this session.',
  'Close those that are no longer needed.',
);

export const TOO_MUCH_UNCOMMITTED = denial(
  'limit_exceeded',
  'This transaction has changed the schema too often.',
  'Commit, and go on in a new transaction.',
);

export const PATH_UNKNOWN = denial(
  'guarded_setting',
  'Which schemas names resolve in could not be read from the server.',
  'Try again.',
);

export function unknownObject(name: string): Denial {
  return denial('sql_unknown_object', `Not known on this target: ${name.slice(0, 130)}.`);
}
