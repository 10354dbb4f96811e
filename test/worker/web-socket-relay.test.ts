import { describe, expect, it } from 'vitest';
import { BodyMaskFailure } from '../../core/http/masked-body.ts';
import type { MessageMasker } from '../../core/http/masked-headers.ts';
import { createHider } from '../../core/http/hidden.ts';
import { relay } from '../../durable-objects/web-socket-relay.ts';

const SECRET = 'canary-secret';

interface Scene {
  readonly caller: WebSocket;
  readonly server: WebSocket;
  readonly abort: AbortController;
  readonly done: Promise<readonly [error: string | null, bytes: number]>;
  next(socket: WebSocket): Promise<string>;
  closed(socket: WebSocket): Promise<{ readonly code: number; readonly reason: string }>;
}

function scene(masker: MessageMasker | null = null): Scene {
  const { 0: target, 1: server } = new WebSocketPair();
  const abort = new AbortController();
  let settle: (end: readonly [string | null, number]) => void = () => undefined;
  const done = new Promise<readonly [string | null, number]>((resolve) => {
    settle = resolve;
  });
  const caller = relay(target, {
    masker,
    hider: () => createHider([SECRET]),
    signal: abort.signal,
    done: (error, bytes) => settle([error, bytes]),
  });
  caller.accept();
  server.accept();
  return {
    caller,
    server,
    abort,
    done,
    next: (socket) =>
      new Promise((resolve) => {
        socket.addEventListener('message', ({ data }) => resolve(String(data)), { once: true });
      }),
    closed: (socket) =>
      new Promise((resolve) => {
        socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
      }),
  };
}

describe('a WebSocket between a caller and a target', () => {
  it('carries messages both ways, without the credential', async () => {
    const { caller, server, next } = scene();
    const asked = next(server);
    caller.send('hello');
    expect(await asked).toBe('hello');
    const told = next(caller);
    server.send(`you sent ${SECRET}`);
    expect(await told).toBe(`you sent ${'*'.repeat(SECRET.length)}`);
  });

  it('ends on both sides with its session', async () => {
    const { caller, server, abort, closed, done } = scene();
    const ends = Promise.all([closed(caller), closed(server)]);
    abort.abort(new Error('killed'));
    for (const { code } of await ends) expect(code).toBe(1008);
    expect((await done)[0]).toBe('killed');
  });

  it('passes on how a target closes, but no credential in its reason', async () => {
    const { caller, server, closed, done } = scene();
    const end = closed(caller);
    server.close(4001, `no ${SECRET}`);
    expect(await end).toEqual({ code: 4001, reason: `no ${'*'.repeat(SECRET.length)}` });
    expect((await done)[0]).toBeNull();
  });

  it('leaves out a reason that cannot be masked', async () => {
    const masker: MessageMasker = {
      message() {
        throw new BodyMaskFailure('mask_body_malformed', 'not now');
      },
    };
    const { caller, server, closed } = scene(masker);
    const end = closed(caller);
    server.close(4001, 'ada@example.com');
    expect(await end).toEqual({ code: 4001, reason: '' });
  });

  it('ends at a message that cannot be masked, and says why', async () => {
    const masker: MessageMasker = {
      message() {
        throw new BodyMaskFailure('mask_body_malformed', 'not now');
      },
    };
    const { caller, server, closed, done } = scene(masker);
    const end = closed(caller);
    server.send('ada@example.com');
    expect((await end).code).toBe(1008);
    expect(await done).toEqual(['mask_body', 0]);
  });

  it('closes with a reason of as many bytes as a close frame holds', async () => {
    const { caller, server, closed } = scene();
    const end = closed(server);
    caller.close(1000, 'é'.repeat(61));
    expect((await end).reason).toBe('é'.repeat(61));
  });
});
