// How a conversation keeps a target waiting: nothing is read while a model is asked, and what it answers goes on at once.
import { describe, expect, it } from 'vitest';
import type { Connection } from '../../adapters/connection.ts';
import type { Effect, Engine } from '../../core/engine.ts';
import type { ModelFinding } from '../../core/masking/detect/model.ts';
import { Conversation, type Conduct } from '../../durable-objects/conversation.ts';

type Findings = readonly (readonly ModelFinding[])[] | null;

const chunk = (text: string) => new TextEncoder().encode(text);
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

/** A target that has one chunk after the other, and an engine that asks a model about each. */
function setUp(chunks: readonly string[]) {
  const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
  client.accept();
  server.accept();
  const heard: string[] = [];
  client.addEventListener('message', ({ data }) => {
    heard.push(new TextDecoder().decode(new Uint8Array(data as ArrayBuffer)));
  });
  client.binaryType = 'arraybuffer';
  const left = [...chunks];
  const seen = { reads: 0, closed: false, ended: '' };
  const connection: Connection = {
    read: async () => {
      seen.reads += 1;
      const next = left.shift();
      return next === undefined ? new Promise<null>(() => undefined) : chunk(next);
    },
    write: async () => undefined,
    close: () => (seen.closed = true),
  };
  const answers: { resolve(findings: Findings): void; reject(error: Error): void }[] = [];
  const conduct = {
    analyze: () =>
      new Promise<Findings>((resolve, reject) => {
        answers.push({ resolve, reject });
      }),
    dial: async () => ({ connection, login: { user: '', password: '', database: '' } }),
    record: () => undefined,
    ended: (code: string) => (seen.ended = code),
  } as unknown as Conduct;
  let asked = 0;
  const analyze = (): Effect => ({ kind: 'analyze', id: ++asked, uses: [], texts: [] });
  const engine = {
    fromClient: (): Effect[] => [{ kind: 'dial' }],
    dialled: (): Effect[] => [],
    fromServer: (bytes: Uint8Array): Effect[] =>
      new TextDecoder().decode(bytes) === 'plain' ? [] : [analyze()],
    analyzed: (id: number, findings: Findings): Effect[] => {
      if (findings === null) return [{ kind: 'close', code: 'mask_model_unavailable', detail: '' }];
      const sent: Effect = { kind: 'send', to: 'client', bytes: chunk(`rows ${id}`) };
      return findings.length === 0 ? [sent] : [sent, analyze()];
    },
    shutdown: (code: string): Effect[] => [{ kind: 'close', code, detail: '' } as Effect],
    clientClosed: (): Effect[] => [],
    serverClosed: (): Effect[] => [],
  } as unknown as Engine;
  const conversation = new Conversation(engine, conduct, server, false);
  conversation.bytes(chunk('hello'));
  return { answers, heard, seen, conversation };
}

describe('a conversation whose rows wait for a model', () => {
  it('reads nothing more before the answer', async () => {
    const { answers, heard, seen } = setUp(['plain', 'rows', 'rows']);
    await turn();
    expect([seen.reads, answers.length, heard]).toEqual([2, 1, []]);
    await turn();
    expect(seen.reads).toBe(2);
    answers[0]?.resolve([]);
    await turn();
    expect([seen.reads, answers.length, heard]).toEqual([3, 2, ['rows 1']]);
    answers[1]?.resolve([]);
    await turn();
    expect([seen.reads, heard]).toEqual([4, ['rows 1', 'rows 2']]);
  });

  it('reads nothing more where the answer brings the next question', async () => {
    const { answers, seen } = setUp(['rows', 'rows']);
    await turn();
    answers[0]?.resolve([[]]);
    await turn();
    expect([seen.reads, answers.length]).toEqual([1, 2]);
    answers[1]?.resolve([]);
    await turn();
    expect([seen.reads, answers.length]).toEqual([2, 3]);
  });

  it.each<
    [
      string,
      (answer: { resolve(findings: Findings): void; reject(error: Error): void }) => void,
      string,
    ]
  >([
    ['no answer', ({ resolve }) => resolve(null), 'mask_model_unavailable'],
    ['a bug of ours', ({ reject }) => reject(new Error('bug')), 'internal'],
  ])('ends at %s', async (_name, answer, code) => {
    const { answers, heard, seen } = setUp(['rows', 'rows']);
    await turn();
    const [asked] = answers;
    if (asked === undefined) throw new Error('nothing was asked');
    answer(asked);
    await turn();
    expect(seen).toEqual({ reads: 1, closed: true, ended: code });
    expect(heard).toEqual([]);
  });

  it('forgets the answer once it has ended', async () => {
    const { answers, heard, seen, conversation } = setUp(['rows', 'rows']);
    await turn();
    conversation.shutdown('killed', 'over');
    answers[0]?.resolve([]);
    await turn();
    expect(seen).toEqual({ reads: 1, closed: true, ended: 'killed' });
    expect(heard).toEqual([]);
  });
});
