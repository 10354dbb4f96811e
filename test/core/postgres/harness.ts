// An engine on a bench: feeds it bytes, answers its questions at once, and keeps what it did.
import { createHmac } from 'node:crypto';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import type { EngineEvent } from '../../../core/audit/event.ts';
import type { Decision, Denial } from '../../../core/decision.ts';
import type { Authentication, Effect, Engine } from '../../../core/engine.ts';
import { createPostgresEngine, type PostgresEngineOptions } from '../../../core/postgres/engine.ts';
import { stubInspect } from './stub-inspect.ts';
import { error, join, loginAnswer, password, probeAnswer, startup, V30 } from './wire.ts';

/** The nth of the session's own words; the login's probe takes the first. Computed as core/postgres/words.ts says. */
export function word(n: number): string {
  const mac = createHmac('sha256', NONCE).update(String(n)).digest('hex');
  return `postern_${mac.slice(0, 32)}`;
}

export type Decide = Extract<Effect, { kind: 'decide' }>;

export const NONCE = 'n0nce0n0nce1';
export const LOGIN = { user: 'app', password: 's3cret-of-app', database: 'shopdb' } as const;
export const ALLOW: Extract<Decision, { kind: 'allow' }> = {
  kind: 'allow',
  rules: ['r1'],
  revision: 5,
  observed: [],
};
export const APPROVE: Decision = {
  kind: 'approve',
  revision: 5,
  observed: [],
  demands: [
    {
      rule: 'ask',
      message: 'A human has to agree.',
      by: ['dba'],
      quorum: 1,
      expiresSeconds: 60,
      waitSeconds: 5,
      maxRows: null,
      grantSeconds: null,
      keep: false,
      slackButtons: false,
    },
  ],
};

export function deny(message = 'Not allowed.', more: Partial<Denial> = {}): Decision {
  const denial: Denial = {
    kind: 'deny',
    code: 'rule',
    rule: 'no',
    message,
    hint: 'Try less.',
    ...more,
  };
  return { ...denial, revision: 5, observed: [] };
}

/** Denies what touches a table named `secret`; passes refusals of the engine on. */
export function decideByTable(effect: Decide): Decision {
  if (effect.refusal !== null) return { ...effect.refusal, revision: 5, observed: [] };
  if (effect.action.kind !== 'sql') return ALLOW;
  const secret = effect.action.sql.tables.some((table) => table.endsWith('.secret'));
  return secret ? deny() : ALLOW;
}

export function options(more: Partial<PostgresEngineOptions> = {}): PostgresEngineOptions {
  return {
    crypto: nativeCrypto,
    inspect: () => stubInspect,
    target: { id: 'shop', database: 'shopdb', readOnly: false },
    principalAuthenticated: false,
    clientKey: { processId: 99, secret: new Uint8Array([9, 8, 7, 6, 5, 4, 3, 2]) },
    nonce: NONCE,
    ...more,
  };
}

export interface HarnessOptions extends Partial<PostgresEngineOptions> {
  /** Null: the decision waits for `answer`. */
  readonly decide?: (effect: Decide) => Decision | null;
  readonly authenticate?: (token: string) => Authentication;
}

export class Harness {
  readonly engine: Engine;
  readonly effects: Effect[] = [];
  /** Decisions asked for and not answered. */
  readonly open: Decide[] = [];
  readonly #how: HarnessOptions;
  #client: Uint8Array[] = [];
  #server: Uint8Array[] = [];
  /** Everything the server ever got. */
  #all = '';
  #eventsSeen = 0;

  constructor(how: HarnessOptions = {}) {
    this.#how = how;
    const { decide: _, authenticate: __, ...engineOptions } = how;
    this.engine = createPostgresEngine(options(engineOptions));
  }

  client(...bytes: readonly Uint8Array[]): this {
    return this.perform(this.engine.fromClient(join(...bytes)));
  }

  server(...bytes: readonly Uint8Array[]): this {
    return this.perform(this.engine.fromServer(join(...bytes)));
  }

  answer(decision: Decision): this {
    const effect = this.open.shift();
    if (effect === undefined) throw new Error('nothing was asked');
    return this.perform(this.engine.decided(effect.id, decision));
  }

  perform(effects: readonly Effect[]): this {
    for (const effect of effects) {
      // A send is kept as a copy: its bytes are the engine's again after this call.
      this.effects.push(
        effect.kind === 'send' ? { ...effect, bytes: effect.bytes.slice() } : effect,
      );
      if (effect.kind === 'send') {
        (effect.to === 'client' ? this.#client : this.#server).push(effect.bytes.slice());
        if (effect.to === 'server') this.#all += Buffer.from(effect.bytes).toString('latin1');
      } else if (effect.kind === 'decide') {
        const decision = (this.#how.decide ?? decideByTable)(effect);
        if (decision === null) this.open.push(effect);
        else this.perform(this.engine.decided(effect.id, decision));
      } else if (effect.kind === 'authenticate') {
        const result = this.#how.authenticate?.(effect.token) ?? { ok: true as const };
        this.perform(this.engine.authenticated(result));
      } else if (effect.kind === 'dial') {
        this.perform(this.engine.dialled(LOGIN));
      }
    }
    return this;
  }

  /** Bytes for the client since the last time this was asked. */
  toClient(): Uint8Array {
    return join(...this.#client.splice(0));
  }

  toServer(): Uint8Array {
    return join(...this.#server.splice(0));
  }

  /** The words of the gateway's own that the server has got, in order. */
  words(): string[] {
    return [...new Set(this.#all.match(/postern_[0-9a-f]{32}/g) ?? [])];
  }

  /** A server's error about one of them; counted from the end. */
  failing(position = -1): Uint8Array {
    return error('42601', `syntax error at or near "${this.words().at(position) ?? '?'}"`);
  }

  /** Journal events since the last time this was asked. */
  events(): EngineEvent[] {
    const all = this.effects.flatMap((e) => (e.kind === 'record' ? [e.event] : []));
    const fresh = all.slice(this.#eventsSeen);
    this.#eventsSeen = all.length;
    return fresh;
  }

  get closed(): { code: string; detail: string } | null {
    const close = this.effects.find((e) => e.kind === 'close');
    return close?.kind === 'close' ? { code: close.code, detail: close.detail } : null;
  }

  /** Through the login, with everything it said forgotten. */
  login(path = '{pg_catalog,public}'): this {
    this.client(startup(V30, { user: 'agent' }));
    if (this.#how.principalAuthenticated !== true) this.client(password('token'));
    this.server(loginAnswer).server(probeAnswer(path, 'I'));
    this.toClient();
    this.toServer();
    this.events();
    return this;
  }
}
