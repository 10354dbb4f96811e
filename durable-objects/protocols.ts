// Which engine serves which kind of target, and how its target is reached. The one place where sessions meet protocols.
import { nativeCrypto } from '../adapters/crypto.ts';
import { dial } from '../adapters/dial.ts';
import { binding, secret, type Env } from '../adapters/env.ts';
import { DialFailure } from '../adapters/dial-failure.ts';
import type { Connection } from '../adapters/connection.ts';
import { routeOf } from '../adapters/route.ts';
import { sessionName } from '../adapters/session-name.ts';
import type { Engine } from '../core/engine.ts';
import { createPostgresEngine } from '../core/postgres/engine.ts';
import { SSL_REQUEST, SSL_AGREED } from '../core/postgres/startup.ts';
import { NAMING_KEY_BYTES, type SessionTicket } from '../core/session-ticket.ts';
import type { Judgement } from './judgement.ts';
import { TargetCatalog } from './target-catalog.ts';

export interface Protocol {
  readonly name: string;
  readonly engine: Engine;
  dial(): Promise<Connection>;
  /** Whether a cancel request's key is the one this session gave to its client. */
  ownsKey(key: Uint8Array): boolean;
  /** Hands a cancel request to the session that owns its key, on the same target only. */
  cancelElsewhere(key: Uint8Array): Promise<void>;
}
