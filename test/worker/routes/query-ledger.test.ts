// The ledger of a call against a session that the test plays itself: what is written when, what a restart makes of it, and
// that nothing is ever sent twice.
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../../adapters/env.ts';
import { callId, fingerprint } from '../../../adapters/calls.ts';
import type { CallAnswer, CallOrder, CallView } from '../../../core/call/order.ts';
import { queryBody } from '../../../core/call/request.ts';
import {
  encodeAuthentication,
  encodeCommandComplete,
  encodeError,
  encodeNotice,
  encodeReadyForQuery,
} from '../../../core/postgres/server-messages.ts';
import { concatBytes } from '../../../core/bytes.ts';
import { Call } from '../../../durable-objects/call.ts';
import { gateway } from '../approval-support.ts';
import { agent } from '../../core/approval/fixtures.ts';

const READY = concatBytes([encodeAuthentication('ok'), encodeReadyForQuery('I')]);
const DONE = concatBytes([encodeCommandComplete('UPDATE 1'), encodeReadyForQuery('I')]);

/** A session that answers its second message (the statement) with `answer`, or closes where that is null. */
interface Played {
  readonly env: Env;
  /** Statements that reached a session. */
  statements: number;
  entered: number;
}

type Script = (statement: number) => Uint8Array | null | 'silent';

function played(script: Script, greeting: Uint8Array | null = READY): Played {
  const play: Played = { env: gateway, statements: 0, entered: 0 };
  const enter = async (): Promise<Response> => {
    play.entered += 1;
    const { 0: client, 1: server } = new WebSocketPair();
    server.binaryType = 'arraybuffer';
    server.accept();
    let messages = 0;
    server.addEventListener('message', () => {
      messages += 1;
      if (messages === 1) {
        if (greeting === null) server.close(1000);
        else server.send(greeting);
      } else if (messages === 2) {
        play.statements += 1;
        const answer = script(play.statements);
        if (answer === null) server.close(1000);
        else if (answer !== 'silent') server.send(answer);
      }
    });
    return new Response(null, { status: 101, webSocket: client });
  };
  const stub = { fetch: enter, kill: async () => false, cancel: async () => true };
  const SESSION = { getByName: () => stub } as unknown as Env['SESSION'];
  return Object.assign(play, { env: { ...gateway, SESSION } });
}

let keys = 0;

function ordered(change: Partial<CallOrder['caller']> = {}, sql = 'UPDATE t SET a = 1'): CallOrder {
  const caller = {
    principal: agent,
    origin: 'https://gate.example',
    client: { address: '', country: '', agent: 'test' },
    task: '',
    ...change,
  };
  const body = queryBody.parse({ sql });
  const id = callId(caller.principal, 'shop-db', `key-${(keys += 1)}`);
  return { id, target: 'shop-db', fingerprint: fingerprint('shop-db', body), body, caller };
}

/** The object of this order, and what a restart would make of it: a new one over the same storage. */
async function within<T>(
  order: CallOrder,
  play: Played,
  use: (call: Call, restarted: () => Call, state: DurableObjectState) => Promise<T>,
): Promise<T> {
  return runInDurableObject(gateway.CALL.getByName(order.id), async (_object, state) => {
    const start = (): Call => new Call(state, play.env);
    return use(start(), start, state);
  });
}

async function submit(call: Call, order: CallOrder, waitMs = 2_000): Promise<CallView> {
  const answer = JSON.parse(await call.submit(JSON.stringify(order), waitMs)) as CallAnswer;
  if (answer.kind === 'conflict') throw new Error('conflict');
  return answer.view;
}

async function read(call: Call, order: CallOrder): Promise<CallView | null> {
  const json = await call.read(JSON.stringify(order.caller), 0);
  return json === null ? null : (JSON.parse(json) as CallView);
}

describe('a call', () => {
  it('is sent once and answers the same ever after, restarted or not', async () => {
    const play = played(() => DONE);
    const order = ordered();
    await within(order, play, async (call, restarted) => {
      const first = await submit(call, order);
      expect(first).toMatchObject({
        state: 'succeeded',
        result: { command: 'UPDATE', rowCount: 1 },
      });
      expect(await submit(call, order)).toEqual(first);
      expect(await submit(restarted(), order)).toEqual(first);
    });
    expect(play.statements).toBe(1);
  });

  it('that was running when its object went is unknown, and is not sent again', async () => {
    const play = played(() => 'silent');
    const order = ordered();
    await within(order, play, async (call, restarted) => {
      expect((await submit(call, order, 300)).state).toBe('executing');
      expect(await submit(restarted(), order)).toMatchObject({
        state: 'unknown',
        failure: { code: 'outcome_unknown' },
      });
      expect((await read(restarted(), order))?.state).toBe('unknown');
    });
    expect(play.statements).toBe(1);
  });

  it('whose connection ends after the statement was sent is unknown', async () => {
    const play = played(() => null);
    const order = ordered();
    const view = await within(order, play, (call) => submit(call, order));
    expect(view).toMatchObject({ state: 'unknown' });
    expect(play.statements).toBe(1);
  });

  it('that never reached its session has failed, and the same key tries again', async () => {
    const order = ordered();
    await within(
      order,
      played(() => DONE, null),
      async (call) => {
        expect(await submit(call, order)).toMatchObject({
          state: 'failed',
          failure: { code: 'session_unavailable' },
        });
      },
    );
    const play = played(() => DONE);
    expect(await within(order, play, (call) => submit(call, order))).toMatchObject({
      state: 'succeeded',
      failure: null,
    });
    expect(play.statements).toBe(1);
  });

  it('keeps a refusal: the same key does not ask twice', async () => {
    const refusal = { S: 'ERROR', V: 'ERROR', C: '42501', M: 'No.', D: 'code no_rule; revision 1' };
    const play = played(() => concatBytes([encodeError(refusal), encodeReadyForQuery('I')]));
    const order = ordered();
    await within(order, play, async (call) => {
      expect(await submit(call, order)).toMatchObject({
        state: 'failed',
        failure: { code: 'no_rule' },
      });
      expect((await submit(call, order)).state).toBe('failed');
    });
    expect(play.statements).toBe(1);
  });

  it('is in conflict with anything else under its key', async () => {
    const play = played(() => DONE);
    const order = ordered();
    await within(order, play, async (call) => {
      await submit(call, order);
      const other = { ...order, fingerprint: '0'.repeat(64) };
      expect(JSON.parse(await call.submit(JSON.stringify(other), 0))).toEqual({ kind: 'conflict' });
    });
    expect(play.statements).toBe(1);
  });

  it('exists for its caller only', async () => {
    const order = ordered();
    const another = ordered({ principal: { ...agent, id: 'github:another', subject: 'another' } });
    await within(
      order,
      played(() => DONE),
      async (call) => {
        expect(await read(call, order)).toBeNull();
        await submit(call, order);
        expect(await read(call, another)).toBeNull();
        expect(await call.cancel(another.caller.principal.id)).toBeNull();
        expect((await read(call, order))?.state).toBe('succeeded');
      },
    );
  });

  it('does not believe a notice about an approval that nobody knows', async () => {
    const notice = encodeNotice({
      S: 'NOTICE',
      V: 'NOTICE',
      C: '00000',
      M: `Waiting: https://evil.example/approvals/${'a'.repeat(32)}-1`,
    });
    const play = played(() => notice);
    const order = ordered();
    const view = await within(order, play, (call) => submit(call, order, 300));
    expect(view).toMatchObject({ state: 'executing', approval: null });
  });

  it('is forgotten after its time, and its key begins anew', async () => {
    const play = played(() => DONE);
    const order = ordered();
    await within(order, play, async (call, _restarted, state) => {
      await submit(call, order);
      expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now() + 23 * 60 * 60_000);
      await call.alarm();
      expect(await read(call, order)).toBeNull();
      expect((await submit(call, order)).state).toBe('succeeded');
    });
    expect(play.statements).toBe(2);
  });

  it('keeps a result of many megabytes whole', async () => {
    const order = ordered();
    await within(
      order,
      played(() => DONE),
      async (call, restarted, state) => {
        await submit(call, order);
        state.storage.sql.exec("UPDATE call SET state = 'pending'");
        const { CallStore } = await import('../../../durable-objects/call-store.ts');
        const rows = `["${'é😀'.repeat(1_300_000)}"]`;
        new CallStore(state.storage).succeeded(
          { columns: [], rowCount: 1, command: 'SELECT', truncatedBy: null },
          rows,
        );
        expect((await read(restarted(), order))?.rows === rows).toBe(true);
      },
    );
  });
});
