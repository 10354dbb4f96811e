// The journal where it lives, in a Durable Object: how long appending takes, alone and until it is durable. The runtime's
// clock moves in steps of a millisecond, hence many appends a reading.
import { DurableObject } from 'cloudflare:workers';
import { nativeCrypto } from '../adapters/crypto.ts';
import { createJournal, type Journal } from '../adapters/journal.ts';
import type { SessionEvent } from '../core/audit/event.ts';

export interface JournalTimes {
  readonly appendMicros: number;
  readonly durableMicros: number;
}

interface Bindings {
  readonly JOURNAL: DurableObjectNamespace<JournalBench>;
}

const APPENDS = 2_000;
const DURABLE_APPENDS = 500;

export class JournalBench extends DurableObject<Bindings> {
  override async fetch(): Promise<Response> {
    const journal = createJournal(this.ctx.storage.sql, nativeCrypto);
    journal.append([START, STATEMENT, intent(0)], Date.now());
    let action = 0;
    const append = (times: number): number => {
      const before = performance.now();
      for (let n = 0; n < times; n++) appendOne(journal, (action += 1));
      return ((performance.now() - before) * 1000) / times;
    };
    append(APPENDS);
    await this.ctx.storage.sync();
    const appendMicros = append(APPENDS);
    await this.ctx.storage.sync();
    const before = performance.now();
    for (let n = 0; n < DURABLE_APPENDS; n++) {
      appendOne(journal, (action += 1));
      await this.ctx.storage.sync();
    }
    const durableMicros = ((performance.now() - before) * 1000) / DURABLE_APPENDS;
    return Response.json({ appendMicros, durableMicros } satisfies JournalTimes);
  }
}

// oxlint-disable-next-line import/no-default-export -- the runtime's contract
export default {
  fetch: (request, { JOURNAL }) => JOURNAL.get(JOURNAL.newUniqueId()).fetch(request),
} satisfies ExportedHandler<Bindings>;

/** As a session appends: the intent of a statement, and with it the outcome of the one before. */
function appendOne(journal: Journal, action: number): void {
  journal.append([outcome(action - 1), intent(action)], Date.now());
}

const START: SessionEvent = {
  kind: 'session.start',
  session: 'bench',
  target: 'shop',
  protocol: 'postgres',
  principal: { id: 'ci:agent', kind: 'workload', groups: ['agents'], claimsDigest: '0'.repeat(64) },
  client: { name: 'bench', address: '127.0.0.1', country: '' },
  revision: 1,
};

const STATEMENT: SessionEvent = {
  kind: 'statement',
  statement: 1,
  text: 'SELECT name FROM customers WHERE id = $1',
  facts: {
    statements: [],
    verbs: ['SELECT'],
    effect: 'read',
    reads: ['public.customers'],
    writes: [],
    tables: ['public.customers'],
    columns: ['public.customers.id', 'public.customers.name'],
    functions: [],
    settings: [],
    whereless: false,
    opaque: [],
  },
};

function intent(action: number): SessionEvent {
  return {
    kind: 'intent',
    action,
    statement: 1,
    via: 'execute',
    binds: ['7'],
    decision: { kind: 'allow', rules: ['agents-read'], code: null, revision: 1, observed: [] },
  };
}

function outcome(action: number): SessionEvent {
  return {
    kind: 'outcome',
    action,
    outcome: 'succeeded',
    rows: 1,
    bytes: 33,
    error: null,
    digest: null,
  };
}
