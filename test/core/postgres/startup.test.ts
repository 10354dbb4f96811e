// From the first byte to the connection: what a client may say, and what it hears.
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../../core/postgres/startup-parameters.ts';
import { APPROVE, Harness, LOGIN, deny, type HarnessOptions } from './harness.ts';
import {
  V30,
  V32,
  authCleartext,
  authOk,
  bind,
  cstr,
  cstrings,
  execute,
  fields,
  frame,
  frames,
  gssRequest,
  hex,
  i32,
  join,
  keyData,
  loginAnswer,
  nth,
  parse,
  password,
  probeAnswer,
  query,
  ready,
  sslRequest,
  startup,
  sync,
  tags,
  terminate,
  text,
} from './wire.ts';

const open = (how: HarnessOptions = {}) => new Harness(how);
const error = (bytes: Uint8Array) => {
  const found = frames(bytes).find((f) => f.tag === 'E');
  return found === undefined ? null : fields(found.body);
};

/** Startup parameters as the target got them. */
function targetParameters(h: Harness): Record<string, string> {
  const bytes = h.toServer();
  const words = cstrings(
    bytes.subarray(8, new DataView(bytes.buffer, bytes.byteOffset).getInt32(0)),
  );
  const found: Record<string, string> = {};
  for (let at = 0; at + 1 < words.length && words[at] !== ''; at += 2)
    found[nth(words, at)] = nth(words, at + 1);
  return found;
}

describe('encryption requests', () => {
  it('are answered N, each once', () => {
    const h = open();
    expect(h.client(sslRequest).toClient()).toEqual(text('N'));
    expect(h.client(gssRequest).toClient()).toEqual(text('N'));
    expect(h.client(startup(V30, { user: 'a' })).toClient()).toEqual(authCleartext);
  });

  it.each([
    ['SSL', sslRequest],
    ['GSS', gssRequest],
  ])('end the session when %s is asked for twice', (_name, request) => {
    expect(open().client(request, request).closed?.code).toBe('client_protocol');
  });
});

describe('what is not Postgres', () => {
  it.each([
    ['a TLS ClientHello', hex('16030100c8010000c40303')],
    ['HTTP', text('GET / HTTP/1.1\r\n\r\n')],
    ['a length of 0', hex('00000000 00030000')],
    ['a length of 7', hex('00000007 00030000')],
    ['a length of 10,001', join(i32(10_001), i32(V30))],
    ['a length of 2^31', hex('80000000 00030000')],
    ['a length of 2^32 - 1', hex('ffffffff 00030000')],
  ])('is closed without an answer: %s', (_name, bytes) => {
    const h = open().client(bytes);
    expect(h.closed?.code).toBe('client_protocol');
    expect(h.toClient().length).toBe(0);
    expect(h.toServer().length).toBe(0);
  });

  it('hears that another major version is not spoken', () => {
    const h = open().client(join(i32(9), i32(0x40000), new Uint8Array(1)));
    expect(error(h.toClient())).toMatchObject({ S: 'FATAL', C: '0A000' });
    expect(h.closed?.code).toBe('client_protocol');
  });
});

describe('versions', () => {
  const secret = new Uint8Array(32).fill(5);
  it.each([
    ['3.0', V30, {}, null, 4],
    ['3.2', V32, {}, null, 32],
    ['3.1, which nobody speaks', 0x30001, {}, [V30], 4],
    ['3.9999', 0x3270f, {}, [V32], 32],
    ['3.2 with an option', V32, { '_pq_.command_tag': 'x' }, [V32, '_pq_.command_tag'], 32],
    ['3.0 with an option', V30, { '_pq_.x': '1' }, [V30, '_pq_.x'], 4],
  ])('%s', (_name, version, parameters, offered, secretBytes) => {
    const h = open({ clientKey: { processId: 3, secret } });
    h.client(startup(version, { user: 'a', ...parameters }));
    const offer = frames(h.toClient()).find((f) => f.tag === 'v');
    if (offered === null) {
      expect(offer).toBeUndefined();
    } else {
      const [number, ...names] = offered;
      expect(offer?.body).toEqual(
        join(i32(number as number), i32(names.length), ...names.map((n) => cstr(n as string))),
      );
    }
    h.client(password('t')).server(loginAnswer, probeAnswer('{public}', 'I'));
    const key = frames(h.toClient()).find((f) => f.tag === 'K');
    expect(key?.body).toEqual(join(i32(3), secret.subarray(0, secretBytes)));
  });
});

describe('cancel requests', () => {
  it.each([
    ['4 bytes', hex('0000000a 01020304')],
    ['32 bytes', join(i32(10), new Uint8Array(32).fill(1))],
  ])('are handed over with their key of %s', (_name, key) => {
    const h = open().client(join(i32(8 + key.length), i32(80877102), key));
    expect(h.effects.map((e) => e.kind)).toEqual(['cancel', 'close']);
    expect(h.effects[0]).toMatchObject({ key });
    expect(h.toClient().length).toBe(0);
  });

  it('are made for the target only while something runs', () => {
    const h = open().login();
    expect(h.engine.cancelRequest()).toBeNull();
    h.client(query('SELECT 1'));
    expect(h.engine.cancelRequest()).toEqual(
      join(i32(16), i32(80877102), i32(4242), hex('01020304')),
    );
    h.server(ready('I').subarray(0, 0));
    h.perform(h.engine.shutdown('killed', 'over'));
    expect(h.engine.cancelRequest()).toBeNull();
  });
});

describe('the token', () => {
  it('is asked for as a password, verified, and not kept', () => {
    const tokens: string[] = [];
    const h = open({
      authenticate: (token) => {
        tokens.push(token);
        return { ok: true };
      },
    });
    h.client(startup(V30, { user: 'a' }));
    expect(h.toClient()).toEqual(authCleartext);
    h.client(password('ey.tok.en'));
    expect(tokens).toEqual(['ey.tok.en']);
    expect(h.toClient()).toEqual(authOk);
  });

  it.each([
    ['token_expired', 'old'],
    ['signature_invalid', 'bad'],
  ] as const)('gets one sentence when it is not accepted: %s', (code, token) => {
    const h = open({ authenticate: () => ({ ok: false, code }) });
    h.client(startup(V30, { user: 'a' }), password(token));
    const told = error(h.toClient());
    expect(told).toMatchObject({ S: 'FATAL', C: '28000', M: 'The access token was not accepted.' });
    expect(JSON.stringify(told)).not.toContain(code);
    expect(h.closed?.code).toBe(code);
    expect(h.effects.some((e) => e.kind === 'dial')).toBe(false);
  });

  it('may not be empty or too large', () => {
    const start = startup(V30, { user: 'a' });
    expect(open().client(start, password('')).closed?.code).toBe('token_missing');
    expect(open().client(start, password('x'.repeat(16 * 1024))).closed).toBeNull();
    const large = open().client(start, password('x'.repeat(16 * 1024 + 1)));
    expect(large.closed?.code).toBe('client_protocol');
    expect(large.effects.some((e) => e.kind === 'authenticate')).toBe(false);
  });

  it('must have been accepted before much may follow it', () => {
    const start = join(startup(V30, { user: 'a' }), password('t'));
    const flood = new Uint8Array(1024 * 1024 + 1).fill(0x51);
    const h = open();
    // Nobody answers: the token is still being looked at.
    expect(h.engine.fromClient(start).at(-1)?.kind).toBe('authenticate');
    h.perform(h.engine.fromClient(flood));
    expect(h.closed?.code).toBe('limit_exceeded');
    expect(
      open({ decide: () => null })
        .client(start)
        .client(flood).closed,
    ).toBeNull();
  });

  it('comes before anything else', () => {
    const h = open().client(startup(V30, { user: 'a' }), query('SELECT 1'));
    expect(h.closed?.code).toBe('client_protocol');
    expect(open().client(startup(V30, { user: 'a' }), terminate).closed?.code).toBe(
      'client_closed',
    );
  });

  it('is not asked for when a header brought it; one that comes all the same is dropped once', () => {
    const h = open({ principalAuthenticated: true });
    h.client(startup(V30, { user: 'a' }), password('unneeded'), query('SELECT 1'));
    expect(h.toClient()).toEqual(authOk);
    h.toServer();
    h.server(loginAnswer, probeAnswer('{public}', 'I'));
    expect(tags(h.toServer()).endsWith('SQ')).toBe(true);
    expect(h.effects.some((e) => e.kind === 'authenticate')).toBe(false);
    expect(h.client(password('again')).closed?.code).toBe('client_protocol');
  });
});

describe("Neon's start in one frame", () => {
  it('holds what is behind the password until the login is through', () => {
    const h = open();
    const first = join(parse('', 'SELECT 1'), bind('', ''), execute(), sync);
    h.client(startup(V30, { user: 'a', database: 'a' }), password('t'), first);
    expect(tags(h.toClient())).toBe('RR');
    h.toServer();
    h.server(loginAnswer);
    expect(tags(h.toServer())).toBe('PBECCS');
    h.server(probeAnswer('{public}', 'I'));
    expect(tags(h.toClient())).toBe('SSSKZ');
    expect(h.toServer()).toEqual(first);
  });
});

describe('startup parameters', () => {
  it.each<[string, Record<string, string>, string | null]>([
    ['the database of the target', { database: 'shopdb' }, null],
    ['the id of the target', { database: 'shop' }, null],
    ['the user name, as libpq has it', { database: 'agent' }, null],
    ['no database', {}, null],
    ['another database', { database: 'other' }, '3D000'],
    ['UTF8', { client_encoding: 'UTF8' }, null],
    ['utf-8', { client_encoding: 'utf-8' }, null],
    ['latin1', { client_encoding: 'LATIN1' }, '42501'],
    ['sjis', { client_encoding: 'SJIS' }, '42501'],
    ['DateStyle, TimeZone', { DateStyle: 'ISO', TimeZone: 'UTC' }, null],
    ['search_path', { search_path: 'a, b' }, null],
    ['replication', { replication: 'database' }, '42501'],
    ['replication=true', { replication: 'true' }, '42501'],
    ['replication=1', { replication: '1' }, '42501'],
    ['replication=off', { replication: 'off' }, null],
    ['standard_conforming_strings=off', { standard_conforming_strings: 'off' }, '42501'],
    ['STANDARD_CONFORMING_STRINGS=off', { STANDARD_CONFORMING_STRINGS: 'off' }, '42501'],
    ['session_replication_role', { session_replication_role: 'replica' }, '42501'],
    ['role', { role: 'postgres' }, '42501'],
    ['a setting nobody knows', { 'my.setting': '1' }, '42501'],
    ['a setting with a strange name', { 'a b': '1' }, '42501'],
    ['options with a free setting', { options: '-c statement_timeout=5s' }, null],
    ['options with a guarded setting', { options: '-c standard_conforming_strings=off' }, '42501'],
    ['options with a dashed name', { options: '--standard-conforming-strings=off' }, '42501'],
    [
      'options that hide it behind a backslash',
      { options: '-c standard\\_conforming_strings=off' },
      '42501',
    ],
    ['options with another switch', { options: '-d 5' }, '42501'],
    ['a second, worse value', { options: '-c row_security=on -c row_security=off' }, '42501'],
  ])('%s', (_name, parameters, refused) => {
    const h = open().client(startup(V30, { user: 'agent', ...parameters }), password('t'));
    const told = error(h.toClient());
    expect(told?.['C'] ?? null).toBe(refused);
    expect(h.effects.some((e) => e.kind === 'dial')).toBe(refused === null);
    if (refused !== null) expect(told?.['S']).toBe('FATAL');
  });

  it('are not judged aloud before the token was accepted', () => {
    const h = open({ authenticate: () => ({ ok: false, code: 'token_expired' }) });
    h.client(startup(V30, { user: 'agent', database: 'guess' }), password('t'));
    expect(error(h.toClient())?.['C']).toBe('28000');
  });

  it('are passed on as far as they are allowed, ours last', () => {
    const h = open({ target: { id: 'shop', database: 'shopdb', readOnly: true } });
    h.client(
      startup(V30, {
        user: 'agent',
        database: 'shop',
        application_name: 'psql',
        client_encoding: 'utf8',
        options: '-c statement_timeout=5s --datestyle=ISO',
        default_transaction_read_only: 'on',
      }),
      password('t'),
    );
    expect(targetParameters(h)).toEqual({
      user: LOGIN.user,
      database: LOGIN.database,
      statement_timeout: '5s',
      datestyle: 'ISO',
      client_encoding: 'UTF8',
      application_name: 'postern psql',
      default_transaction_read_only: 'on',
    });
  });

  it('cannot open a read-only target for writing', () => {
    const h = open({ target: { id: 'shop', database: 'shopdb', readOnly: true } });
    h.client(
      startup(V30, { user: 'a', options: '-c default_transaction_read_only=off' }),
      password('t'),
    );
    expect(h.closed?.code).toBe('read_only_target');
  });

  it('need a user name', () => {
    const h = open().client(startup(V30, {}), password('t'));
    expect(error(h.toClient())?.['C']).toBe('28000');
  });

  it.each<[string, ReturnType<typeof parseOptions>]>([
    ['', []],
    ['-c a=b', [['a', 'b']]],
    ['-ca=b', [['a', 'b']]],
    ['--a-b=c', [['a_b', 'c']]],
    [
      '  -c   a=b\t--c=d ',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['-c a=b\\ c', [['a', 'b c']]],
    ['-c a=b\\\\c', [['a', 'b\\c']]],
    ['-c a=', [['a', '']]],
    ['-c a=b=c', [['a', 'b=c']]],
    ['-c', null],
    ['-c a', null],
    ['-c =a', null],
    ['--a', null],
    ['a=b', null],
    ['-D /tmp', null],
    ['-c a=b -F', null],
  ])('reads options %j', (options, expected) => {
    expect(parseOptions(options)).toEqual(expected);
  });
});

describe('the decision to connect', () => {
  it('is asked with the name the client gives itself', () => {
    const h = open({ decide: () => null }).client(
      startup(V30, { user: 'a', application_name: 'agent-7' }),
      password('t'),
    );
    expect(h.open[0]?.action).toEqual({
      kind: 'connect',
      connect: { protocol: 'postgres', client: 'agent-7', country: '' },
    });
    expect(h.effects.some((e) => e.kind === 'dial')).toBe(false);
  });

  it('may be told to wait, and the client hears why', () => {
    const h = open({ decide: () => null }).client(startup(V30, { user: 'a' }), password('t'));
    h.toClient();
    h.perform(h.engine.notify('Waiting for a human.'));
    const [told] = frames(h.toClient());
    expect(told?.tag).toBe('N');
    expect(fields(told?.body ?? new Uint8Array())).toMatchObject({
      S: 'NOTICE',
      C: '00000',
      M: 'Waiting for a human.',
    });
  });

  it('ends the session when it is no', () => {
    const h = open({ decide: () => deny('Not you.') }).client(
      startup(V30, { user: 'a' }),
      password('t'),
    );
    expect(error(h.toClient())).toMatchObject({
      S: 'FATAL',
      C: '42501',
      M: 'Not you.',
      D: 'code rule; rule no; revision 5',
      H: 'Try less.',
    });
    expect(h.closed?.code).toBe('rule');
  });

  it('is no when it should be asked of a human and nobody holds it', () => {
    const h = open({ decide: () => APPROVE }).client(startup(V30, { user: 'a' }), password('t'));
    expect(h.closed?.code).toBe('approval_unavailable');
  });

  it.each([
    ['target_unreachable', 'The target cannot be reached.'],
    ['target_tls_failed', 'No verified TLS connection to the target could be made.'],
  ] as const)('is followed by a failing dial: %s', (code, sentence) => {
    const h = open({ decide: () => null }).client(startup(V30, { user: 'a' }), password('t'));
    h.perform(h.engine.undialled(code));
    expect(error(h.toClient())).toMatchObject({ S: 'FATAL', C: '08006', M: sentence });
    expect(h.closed?.code).toBe(code);
  });
});

describe('what the target must report', () => {
  const answer = (...more: readonly Uint8Array[]) =>
    join(authOk, ...more, keyData(1, hex('01020304')), ready('I'));
  const scs = (value: string) => frame('S', cstr('standard_conforming_strings'), cstr(value));
  const encoding = (value: string) => frame('S', cstr('client_encoding'), cstr(value));
  it.each([
    ['standard_conforming_strings off', answer(scs('off'), encoding('UTF8'))],
    ['another client_encoding', answer(scs('on'), encoding('LATIN1'))],
    ['no standard_conforming_strings', answer(encoding('UTF8'))],
    ['no client_encoding', answer(scs('on'))],
    [
      'a read-only target that is not',
      answer(
        scs('on'),
        encoding('UTF8'),
        frame('S', cstr('default_transaction_read_only'), cstr('off')),
      ),
    ],
  ])('ends the session: %s', (_name, bytes) => {
    const h = open({ target: { id: 'shop', database: 'shopdb', readOnly: true } });
    h.client(startup(V30, { user: 'a' }), password('t')).server(bytes);
    expect(h.closed?.code).toBe('session_state_changed');
    expect(tags(h.toClient())).not.toContain('Z');
  });

  it('ends the session when the probe says otherwise, or nothing', () => {
    const start = () =>
      open()
        .client(startup(V30, { user: 'a' }), password('t'))
        .server(loginAnswer);
    expect(start().server(probeAnswer('{public}', 'I', 'off')).closed?.code).toBe(
      'session_state_changed',
    );
    expect(start().server(frame('E', text('SERROR\0C57014\0Mcanceled\0\0'))).closed?.code).toBe(
      'target_unreachable',
    );
    expect(start().server(probeAnswer('not an array', 'I')).closed?.code).toBe('target_protocol');
  });
});
