// Which engine serves which kind of target, and how its target is reached: the one place where sessions meet protocols.
import type { Connection } from '../adapters/connection.ts';
import { nativeCrypto } from '../adapters/crypto.ts';
import { DialFailure } from '../adapters/dial-failure.ts';
import { dial } from '../adapters/dial.ts';
import { estimateRows } from '../adapters/estimate.ts';
import { secret, type Env } from '../adapters/env.ts';
import { maskKey } from '../adapters/mask-key.ts';
import { routeOf } from '../adapters/route.ts';
import { sessionName } from '../adapters/session-name.ts';
import type { HoldInput } from '../adapters/tunnel-connection.ts';
import type { SqlContent } from '../core/approval/request.ts';
import type { Engine, TargetLogin } from '../core/engine.ts';
import type { SqlFacts } from '../core/facts.ts';
import { createMaskers } from '../core/masking/maskers/maskers.ts';
import type { PolicyTarget, PostgresTarget } from '../core/policy/policy.ts';
import { createPostgresEngine } from '../core/postgres/engine.ts';
import { createResultMaskers } from '../core/postgres/result-maskers.ts';
import { TLS_AGREED, TLS_REQUEST } from '../core/postgres/startup.ts';
import type { ParseSql } from '../core/sql/parse.ts';
import { NAMING_KEY_BYTES, type SessionTicket } from '../core/session-ticket.ts';
import { TargetCatalog } from './target-catalog.ts';

export interface Protocol {
  readonly name: string;
  readonly engine: Engine;
  readonly catalog: TargetCatalog;
  /** Rows the target's planner expects; null when there is no estimate. */
  estimate(target: PolicyTarget, content: SqlContent, facts: SqlFacts): Promise<number | null>;
}

/** Shortest and longest cancel key of any protocol version we speak: process id and secret. */
const MAX_KEY_BYTES = 260;

/**
 * `known` is null when the policy names none of that id: the session then goes as far as any other does before its caller
 * is known and has been judged, so that names cannot be guessed from outside. A target of another kind is none of this one.
 */
export function postgresProtocol(
  env: Env,
  ticket: SessionTicket,
  known: PolicyTarget | null,
  parse: ParseSql,
  hold: HoldInput,
): Protocol {
  const target = ofPostgres(known);
  const readOnly = target?.access === 'read-only';
  const catalog = new TargetCatalog(
    {
      key: JSON.stringify([
        target?.id,
        target?.host,
        target?.port,
        target?.database,
        target?.route,
      ]),
      connect: () => dialTarget(env, target, hold),
      login: () => targetLogin(env, target),
    },
    parse,
  );
  const key = Buffer.from(ticket.key, 'hex');
  const engine = createPostgresEngine({
    crypto: nativeCrypto,
    inspect: () => catalog.inspect,
    target: { id: ticket.target, database: target?.database ?? ticket.target, readOnly },
    principalAuthenticated: ticket.principal !== null,
    clientKey: { processId: key.readInt32BE(0), secret: new Uint8Array(key.subarray(4)) },
    nonce: Buffer.from(nativeCrypto.randomBytes(12)).toString('hex'),
    digestResults: target?.record === 'results',
    maskers: createResultMaskers(() =>
      createMaskers({ key: maskKey(env, ticket.target), crypto: nativeCrypto }),
    ),
  });
  return {
    name: 'postgres',
    engine,
    catalog,
    estimate: (of, content, facts) =>
      estimateRows(() => dialTarget(env, of, hold), targetLogin(env, of), content, facts),
  };
}

/** What this engine can serve; a target of another kind is as good as none. */
function ofPostgres(target: PolicyTarget | null): PostgresTarget | null {
  return target?.kind === 'postgres' ? target : null;
}

/** What to log in with. The secret is read here, for this use, and not kept. */
export function targetLogin(env: Env, known: PolicyTarget | null): TargetLogin {
  const target = ofPostgres(known);
  if (target === null) throw new DialFailure('target_unreachable', 'no such target');
  const password = secret(env, target.credential.password);
  if (password === null) {
    throw new DialFailure('target_unreachable', `secret ${target.credential.password} is not set`);
  }
  return { user: target.credential.user, password, database: target.database };
}

export async function dialTarget(
  env: Env,
  known: PolicyTarget | null,
  hold: HoldInput,
): Promise<Connection> {
  const target = ofPostgres(known);
  if (target === null) throw new DialFailure('target_unreachable', 'no such target');
  return dial(routeOf(env, target), { request: TLS_REQUEST, agreed: TLS_AGREED }, hold);
}

/** Hands a cancel request to the session that owns its key, if there is one on this target. */
export async function cancelElsewhere(env: Env, target: string, key: Uint8Array): Promise<void> {
  if (key.length < NAMING_KEY_BYTES || key.length > MAX_KEY_BYTES) return;
  await env.SESSION.getByName(sessionName(target, key)).cancel(key);
}

/** Whether a cancel request's key is the one in the ticket: whole, or the part that protocol 3.0 can carry. */
export function ownsKey(ticket: SessionTicket, key: Uint8Array): boolean {
  const own = new Uint8Array(Buffer.from(ticket.key, 'hex'));
  if (key.length !== own.length && key.length !== NAMING_KEY_BYTES) return false;
  return nativeCrypto.equal(own.subarray(0, key.length), key);
}
