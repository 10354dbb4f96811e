// The gateway as the target's client: every way to authenticate, and every way a target can misbehave.
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Harness, LOGIN } from './harness.ts';
import {
  V30,
  authOk,
  cstr,
  error,
  frame,
  frames,
  hex,
  i32,
  join,
  keyData,
  loginAnswer,
  notice,
  nth,
  password,
  probeAnswer,
  query,
  ready,
  startup,
  tags,
  text,
  told,
} from './wire.ts';

const afterOk = loginAnswer.subarray(authOk.length);

function dialling(): Harness {
  const h = new Harness().client(startup(V30, { user: 'a' }), password('t'));
  h.toServer();
  h.toClient();
  return h;
}

/** A server's half of SCRAM-SHA-256, written from RFC 5802 for these tests. */
class ScramServer {
  readonly #salt = Buffer.from('0123456789abcdef');
  readonly #password: string;
  #first = '';
  #nonce = '';

  constructor(secret: string) {
    this.#password = secret;
  }

  readonly offer = frame('R', i32(10), cstr('SCRAM-SHA-256'), new Uint8Array(1));

  first(message: Uint8Array): Uint8Array {
    const body = Buffer.from(nth(frames(message), 0).body).toString();
    const bare = body.slice(body.indexOf('n=,r='));
    this.#nonce = `${bare.slice(5)}server-part`;
    this.#first = bare;
    return frame('R', i32(11), text(this.#serverFirst()));
  }

  #serverFirst(): string {
    return `r=${this.#nonce},s=${this.#salt.toString('base64')},i=4096`;
  }

  /** The final message, or null when the proof is wrong. */
  final(message: Uint8Array): Uint8Array | null {
    const body = Buffer.from(nth(frames(message), 0).body).toString();
    const [, without = '', proof = ''] = /^(c=biws,r=[^,]+),p=(.+)$/.exec(body) ?? [];
    const auth = `${this.#first},${this.#serverFirst()},${without}`;
    const salted = pbkdf2Sync(this.#password, this.#salt, 4096, 32, 'sha256');
    const mac = (key: Buffer, data: string) => createHmac('sha256', key).update(data).digest();
    const stored = createHash('sha256').update(mac(salted, 'Client Key')).digest();
    const signature = mac(stored, auth);
    const key = Buffer.from(proof, 'base64').map((byte, at) => byte ^ nth([...signature], at));
    if (!createHash('sha256').update(key).digest().equals(stored)) return null;
    return frame(
      'R',
      i32(12),
      text(`v=${mac(mac(salted, 'Server Key'), auth).toString('base64')}`),
    );
  }
}

describe('the login to the target', () => {
  it('works with a server that trusts, and sends no password then', () => {
    const h = dialling().server(authOk, afterOk);
    expect(tags(h.toServer())).toBe('PBECCS');
    expect(h.closed).toBeNull();
  });

  it('answers a request for the password', () => {
    const h = dialling().server(frame('R', i32(3)));
    expect(h.toServer()).toEqual(password(LOGIN.password));
    expect(h.server(authOk, afterOk, probeAnswer('{public}', 'I')).closed).toBeNull();
  });

  it('answers a request for its MD5', () => {
    const h = dialling().server(frame('R', i32(5), hex('01020304')));
    const md5 = (bytes: string | Buffer) => createHash('md5').update(bytes).digest('hex');
    const inner = md5(LOGIN.password + LOGIN.user);
    const expected = `md5${md5(Buffer.concat([Buffer.from(inner), Buffer.from('01020304', 'hex')]))}`;
    expect(h.toServer()).toEqual(password(expected));
  });

  it('goes through SCRAM and checks the server', () => {
    const server = new ScramServer(LOGIN.password);
    const h = dialling().server(server.offer);
    h.server(server.first(h.toServer()));
    const final = server.final(h.toServer());
    expect(final).not.toBeNull();
    h.server(final!, authOk, afterOk, probeAnswer('{public}', 'I'));
    expect(h.closed).toBeNull();
    expect(tags(h.toClient())).toBe('SSSKZ');
  });

  it.each<[string, (h: Harness) => Uint8Array]>([
    [
      'a server that knows another password',
      (h) => {
        const server = new ScramServer('other');
        h.server(server.offer).server(server.first(h.toServer()));
        h.toServer();
        return frame('R', i32(12), text('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='));
      },
    ],
    [
      'a server that skips its own proof',
      (h) => {
        const server = new ScramServer(LOGIN.password);
        h.server(server.offer).server(server.first(h.toServer()));
        h.toServer();
        return authOk;
      },
    ],
    [
      'a server that stops after its offer',
      (h) => {
        h.server(new ScramServer(LOGIN.password).offer).toServer();
        return authOk;
      },
    ],
    [
      'a server that asks in the clear after SCRAM',
      (h) => {
        h.server(new ScramServer(LOGIN.password).offer);
        h.toServer();
        return frame('R', i32(3));
      },
    ],
    [
      'a server that asks for the password twice',
      (h) => {
        h.server(frame('R', i32(3)));
        h.toServer();
        return frame('R', i32(5), hex('01020304'));
      },
    ],
    [
      'a server that offers only channel binding',
      () => frame('R', i32(10), cstr('SCRAM-SHA-256-PLUS'), new Uint8Array(1)),
    ],
    ['a server that wants Kerberos', () => frame('R', i32(7))],
    ['a server that wants SSPI', () => frame('R', i32(9))],
    [
      'a server that continues what was not begun',
      () => frame('R', i32(11), text('r=x,s=AAAA,i=4096')),
    ],
    [
      'a server that refuses',
      () => error('28P01', `password authentication failed for user "${LOGIN.user}"`, 'FATAL'),
    ],
  ])('is refused: %s', (_name, play) => {
    const h = dialling();
    h.server(play(h));
    expect(h.closed?.code).toBe('target_auth_failed');
    expect(told(h.toClient())).toMatchObject({
      S: 'FATAL',
      C: '08006',
      M: 'The target did not accept the credential of the gateway.',
    });
    expect(h.toServer().length).toBe(0);
  });

  it("shows none of the target's words", () => {
    const h = dialling().server(error('53300', 'too many connections for role "app"', 'FATAL'));
    const bytes = Buffer.from(h.toClient()).toString();
    expect(bytes).not.toContain('app');
    expect(h.closed).toEqual({
      code: 'target_unreachable',
      detail: 'the target answered SQLSTATE 53300',
    });
  });

  it('drops notices and takes a version that was not asked for as a breach', () => {
    const h = dialling().server(
      notice(`welcome ${LOGIN.user}`),
      frame('v', i32(V30), i32(0)),
      authOk,
      afterOk,
    );
    expect(tags(h.toClient())).toBe('SSSK');
    expect(dialling().server(frame('v', i32(0x30002), i32(0))).closed?.code).toBe(
      'target_protocol',
    );
  });

  it.each<[string, Uint8Array]>([
    ['ReadyForQuery before the login', ready('I')],
    ['a parameter before the login', frame('S', cstr('a'), cstr('b'))],
    ['a key before the login', keyData(1, hex('01020304'))],
    ['a second AuthenticationOk', join(authOk, authOk)],
    ['rows', frame('D', hex('0000'))],
    ['HTTP', text('HTTP/1.1 200 OK')],
    ['an unknown message', hex('7a 00000004')],
  ])('ends at a breach of the protocol: %s', (_name, bytes) => {
    const h = dialling().server(bytes);
    expect(h.closed?.code).toBe('target_protocol');
    expect(h.toServer().length).toBe(0);
  });

  it('ends when the target closes', () => {
    const h = dialling();
    h.perform(h.engine.serverClosed());
    expect(h.closed?.code).toBe('target_closed');
  });

  it('hides the credential from every effect but the login itself', () => {
    const h = dialling()
      .server(authOk, afterOk, probeAnswer('{public}', 'I'))
      .client(query('SELECT 1'));
    h.perform(h.engine.shutdown('killed', 'over'));
    const all = JSON.stringify(h.effects, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(all).not.toContain(LOGIN.password);
  });
});
