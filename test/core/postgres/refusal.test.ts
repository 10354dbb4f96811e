// A refused message in every position of a pipeline: one error in its place, Postgres' own skipping and status, and not a
// byte of the refused text on the server.
import { describe, expect, it } from 'vitest';
import type { DenyCode, SessionCode } from '../../../core/failure.ts';
import { denyState, fatalFields, refusalFields } from '../../../core/postgres/refusal.ts';
import { APPROVE, Harness, deny } from './harness.ts';
import {
  bind,
  bindComplete,
  closeStatement,
  complete,
  cstrings,
  dataRow,
  describePortal,
  error,
  execute,
  fields,
  flush,
  frame,
  frames,
  i16,
  i32,
  join,
  nth,
  parse,
  parseComplete,
  query,
  ready,
  rowDescription,
  stringsAt,
  sync,
  tags,
  terminate,
} from './wire.ts';

const select = join(rowDescription, dataRow('1'), complete('SELECT 1'));

const errorsOf = (bytes: Uint8Array) =>
  frames(bytes)
    .filter((f) => f.tag === 'E')
    .map((f) => fields(f.body));

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

describe('a refused query', () => {
  it('is replaced by one that fails, whose error becomes the refusal', () => {
    const h = new Harness().login().client(query('SELECT * FROM secret'));
    const sent = h.toServer();
    expect(frames(sent).map((f) => cstrings(f.body)[0])).toEqual([h.words().at(-1)]);
    h.server(h.failing(), ready('I'));
    const told = h.toClient();
    expect(tags(told)).toBe('EZ');
    expect(errorsOf(told)).toEqual([
      {
        S: 'ERROR',
        V: 'ERROR',
        C: '42501',
        M: 'Not allowed.',
        D: 'code rule; rule no; revision 5',
        H: 'Try less.',
      },
    ]);
    expect(text(told)).not.toContain('postern_');
  });

  it('leaves the status to the server', () => {
    const h = new Harness().login().client(query('BEGIN')).server(complete('BEGIN'), ready('T'));
    h.client(query('DELETE FROM secret')).server(h.failing(), ready('E'));
    expect(frames(h.toClient()).at(-1)?.body).toEqual(new Uint8Array([0x45]));
  });

  it('keeps its place between two that run', () => {
    const h = new Harness().login();
    h.client(query('SELECT 1'), query('SELECT * FROM secret'), query('SELECT 2'));
    expect(tags(h.toServer())).toBe('QQQ');
    h.server(select, ready('I'), h.failing(), ready('I'), select, ready('I'));
    expect(tags(h.toClient())).toBe('TDCZEZTDCZ');
  });

  it('passes on an error that is not its own: a cancel, or the end of the server', () => {
    const h = new Harness().login().client(query('SELECT * FROM secret'));
    h.server(error('57014', 'canceling statement due to user request'), ready('I'));
    expect(errorsOf(h.toClient())[0]).toMatchObject({ C: '57014' });
    h.client(query('SELECT * FROM secret')).server(error('57P01', 'terminating', 'FATAL'));
    expect(errorsOf(h.toClient())[0]).toMatchObject({ S: 'FATAL', C: '57P01' });
    h.perform(h.engine.serverClosed());
    expect(h.closed).toEqual({ code: 'target_closed', detail: 'SQLSTATE 57P01' });
    expect(h.toClient().length).toBe(0);
  });

  it('ends the session when the server does not let it fail', () => {
    for (const answer of [select, join(complete('SELECT 1'), ready('I')), ready('I')]) {
      const h = new Harness().login().client(query('SELECT * FROM secret')).server(answer);
      expect(h.closed?.code).toBe('target_protocol');
    }
  });

  it('is recorded with its text, its decision and the outcome `refused`', () => {
    const h = new Harness().login().client(query('SELECT * FROM secret'));
    expect(h.events()).toMatchObject([
      { kind: 'statement', text: 'SELECT * FROM secret' },
      {
        kind: 'intent',
        via: 'query',
        binds: null,
        decision: { kind: 'deny', rules: ['no'], code: 'rule', revision: 5 },
      },
      { kind: 'outcome', outcome: 'refused', rows: 0, error: '42501', digest: null },
    ]);
  });
});

describe('a refused Parse', () => {
  it('fails where it stands, and takes everything up to the Sync with it', () => {
    const h = new Harness().login();
    h.client(
      parse('', 'SELECT * FROM secret'),
      bind('', ''),
      describePortal(''),
      execute(),
      sync,
      query('SELECT 1'),
    );
    const sent = h.toServer();
    expect(tags(sent)).toBe('PSQ');
    expect(text(sent)).not.toContain('secret');
    h.server(h.failing(), ready('I'), select, ready('I'));
    expect(tags(h.toClient())).toBe('EZTDCZ');
  });

  it('is sent at once, so that a client that flushes hears of it', () => {
    const h = new Harness().login().client(parse('s', 'SELECT * FROM secret'), flush);
    expect(tags(h.toServer())).toBe('P');
    h.server(h.failing());
    expect(errorsOf(h.toClient())[0]).toMatchObject({ C: '42501' });
    h.client(flush, closeStatement('s'), sync);
    expect(tags(h.toServer())).toBe('S');
  });

  it('says nothing when an earlier error of the segment comes first', () => {
    const h = new Harness().login();
    h.client(
      parse('', 'SELECT 1'),
      bind('', ''),
      execute(),
      parse('', 'SELECT * FROM secret'),
      bind('', ''),
      execute(),
      sync,
    );
    h.server(parseComplete, bindComplete, error('22012', 'division by zero'), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([{ C: '22012' }]);
    const outcomes = h.events().filter((e) => e.kind === 'outcome');
    expect(outcomes).toMatchObject([{ outcome: 'refused' }, { outcome: 'failed', error: '22012' }]);
  });

  it('is recorded as a preparation', () => {
    const h = new Harness().login().client(parse('s', 'SELECT * FROM secret'));
    expect(h.events()).toMatchObject([
      { kind: 'statement' },
      { kind: 'intent', via: 'prepare' },
      { outcome: 'refused' },
    ]);
  });

  it('is not recorded when it is allowed: nothing ran', () => {
    expect(new Harness().login().client(parse('s', 'SELECT 1')).events()).toEqual([]);
  });

  it('goes through when a human is to be asked, and the Execute does not', () => {
    const asked: boolean[] = [];
    const h = new Harness({
      decide: (effect) => {
        asked.push(effect.preparing);
        return effect.action.kind === 'connect'
          ? { kind: 'allow', rules: [], revision: 5, observed: [] }
          : APPROVE;
      },
    }).login();
    h.client(parse('', 'DELETE FROM t'), bind('', '', ['7']), execute(), sync);
    expect(asked).toEqual([false, true, false]);
    expect(tags(h.toServer())).toBe('PBES');
    h.server(parseComplete, bindComplete, h.failing(), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([
      {
        C: '42501',
        M: 'A human has to agree.',
        D: 'code approval_unavailable; rule ask; revision 5',
      },
    ]);
    expect(h.events()).toMatchObject([
      { kind: 'statement' },
      {
        kind: 'intent',
        via: 'execute',
        binds: ['7'],
        decision: { kind: 'deny', code: 'approval_unavailable' },
      },
      { outcome: 'refused' },
    ]);
  });
});

describe('a refused Execute', () => {
  /** Allowed when it is prepared, refused with these bind values. */
  function byBinds(): Harness {
    return new Harness({
      decide: (effect) =>
        effect.preparing || effect.action.kind === 'connect'
          ? { kind: 'allow', rules: [], revision: 5, observed: [] }
          : deny('No.'),
    }).login();
  }

  it('is replaced by one of a portal that does not exist', () => {
    const h = byBinds().client(parse('s', 'SELECT $1'), bind('', 's', ['x']), execute(), sync);
    expect(stringsAt(h.toServer(), 2)[0]).toBe(h.words().at(-1));
    h.server(parseComplete, bindComplete, h.failing(), ready('I'));
    expect(tags(h.toClient())).toBe('12EZ');
  });
});

describe('the words of the gateway', () => {
  it('are new for each refusal, since a caller can read the last one in pg_stat_activity', () => {
    const h = new Harness().login();
    for (let i = 0; i < 3; i++) {
      h.client(query('SELECT * FROM secret')).server(h.failing(), ready('I'));
    }
    expect(h.words().length).toBe(4);
    expect(h.closed).toBeNull();
  });

  it('cannot be made to stand for something: neither a portal nor a statement nor a cursor may be named so', () => {
    const h = new Harness().login();
    h.client(query('SELECT * FROM secret')).server(h.failing(), ready('I'));
    const [known = ''] = h.words().slice(-1);
    h.toServer();
    h.toClient();
    const tries = [
      parse(known, 'SELECT 1'),
      bind(known, ''),
      query(`PREPARE ${known} AS SELECT 1`),
      query(`DECLARE ${known} CURSOR FOR SELECT 1`),
    ];
    for (const attempt of tries) {
      h.client(attempt, sync);
      expect(text(h.toServer())).not.toContain(known);
      h.server(h.failing(), ready('I'), ...(tags(attempt) === 'Q' ? [ready('I')] : []));
      expect(errorsOf(h.toClient())).toMatchObject([{ C: '0A000' }]);
    }
    expect(h.closed).toBeNull();
  });

  it("is what makes an error the gateway's own: another word changes nothing", () => {
    const h = new Harness().login().client(query('SELECT * FROM secret'));
    h.server(error('42601', `syntax error at or near "postern_${'0'.repeat(32)}"`), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([{ C: '42601' }]);
  });
});

describe('what is refused for its own sake', () => {
  it('a function call', () => {
    const h = new Harness().login().client(frame('F', i32(1598), i16(0), i16(0), i16(0)));
    expect(tags(h.toServer())).toBe('Q');
    h.server(h.failing(), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([{ C: '0A000' }]);
    expect(h.events()).toMatchObject([
      { text: '-- FunctionCall of function 1598' },
      { via: 'call', decision: { kind: 'deny', code: 'protocol_refused' } },
      { outcome: 'refused' },
    ]);
  });

  it.each([
    ['Parse', parse('x'.repeat(64), 'SELECT 1')],
    ['Bind of a statement', bind('', 'x'.repeat(64))],
    ['Bind to a portal', bind('x'.repeat(64), '')],
    ['Execute', execute('é'.repeat(32))],
    ['Describe', describePortal('x'.repeat(64))],
    ['Close', closeStatement('x'.repeat(64))],
  ])('a name that Postgres would cut off: %s', (_name, message) => {
    const h = new Harness().login().client(message, sync);
    h.server(h.failing(), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([{ C: '0A000' }]);
    expect(h.closed).toBeNull();
  });

  it('a text that is not UTF-8', () => {
    const h = new Harness().login().client(frame('Q', new Uint8Array([0x53, 0xff, 0])));
    h.server(h.failing(), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([
      { C: '42601', M: 'The statement is not valid UTF-8.' },
    ]);
  });

  it('a text over the limit, of which the journal keeps the beginning and a digest', () => {
    const h = new Harness().login().client(query(`SELECT '${'x'.repeat(2 * 1024 * 1024)}'`));
    h.server(h.failing(), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([{ C: '54000' }]);
    const [statement] = h.events();
    expect(statement).toMatchObject({ kind: 'statement', facts: { effect: 'opaque' } });
    expect(statement?.kind === 'statement' && statement.text.length).toBeLessThan(5000);
  });

  it('what the parser does not accept', () => {
    const h = new Harness().login().client(query('garbage'));
    h.server(h.failing(), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([{ C: '42601', M: 'The statement is not SQL.' }]);
  });

  it('a text at which the inspection crashes', () => {
    const inspect = () => {
      throw new Error('wasm trap with secret internals');
    };
    const h = new Harness({ inspect: () => inspect }).login().client(query('SELECT 1'));
    h.server(h.failing(), ready('I'));
    const told = h.toClient();
    expect(errorsOf(told)).toMatchObject([{ C: '42601' }]);
    expect(text(told)).not.toContain('internals');
  });

  it('a refusal or an unknown object, even when the driver allows it', () => {
    const h = new Harness({
      decide: () => ({ kind: 'allow', rules: [], revision: 5, observed: [] }),
    }).login();
    h.client(query('garbage'), query('SELECT * FROM unknown_table'));
    expect(text(h.toServer())).not.toContain('unknown_table');
    h.server(h.failing(-2), ready('I'), h.failing(), ready('I'));
    expect(errorsOf(h.toClient())).toMatchObject([{ C: '42601' }, { C: '42P01' }]);
  });
});

describe('a decision that takes its time', () => {
  const waiting = () =>
    new Harness({
      decide: (e) =>
        e.action.kind === 'connect'
          ? { kind: 'allow', rules: [], revision: 5, observed: [] }
          : null,
    }).login();
  const ALLOW = { kind: 'allow', rules: ['r1'], revision: 5, observed: [] } as const;

  it('holds everything behind it, and goes on as if nothing had been', () => {
    const h = waiting().client(query('SELECT 1'), query('SELECT 2'), sync);
    expect(h.toServer().length).toBe(0);
    h.client(query('SELECT 3'));
    expect(h.toServer().length).toBe(0);
    h.answer(ALLOW);
    expect(tags(h.toServer())).toBe('Q');
    h.answer(ALLOW);
    expect(tags(h.toServer())).toBe('QS');
  });

  it('lets answers through meanwhile, and notices between them', () => {
    const h = waiting().client(query('SELECT 1')).answer(ALLOW);
    h.client(query('DELETE FROM t'));
    const bytes = join(select, ready('I'));
    h.server(bytes.subarray(0, rowDescription.length + 8));
    h.perform(h.engine.notify('Waiting.'));
    h.server(bytes.subarray(rowDescription.length + 8));
    expect(tags(h.toClient())).toBe('TDNCZ');
    h.perform(h.engine.notify('Still waiting.'));
    expect(tags(h.toClient())).toBe('N');
  });

  it('sends nothing when the client leaves meanwhile', () => {
    const left = waiting().client(query('DELETE FROM t'));
    left.client(terminate);
    expect(left.closed?.code).toBe('client_closed');
    expect(left.answer(ALLOW).toServer().length).toBe(0);
    const gone = waiting().client(query('DELETE FROM t'));
    gone.perform(gone.engine.clientClosed());
    expect(gone.answer(ALLOW).toServer().length).toBe(0);
    expect(gone.events()).toEqual([]);
  });

  it('ignores decisions about something else', () => {
    const h = waiting().client(query('DELETE FROM t'));
    h.perform(h.engine.decided(nth(h.open, 0).id + 1, ALLOW));
    h.perform(h.engine.decided(0, ALLOW));
    expect(h.toServer().length).toBe(0);
    h.answer(ALLOW).perform(h.engine.decided(2, ALLOW));
    expect(tags(h.toServer())).toBe('Q');
  });

  it('is worth nothing when the segment failed meanwhile', () => {
    const h = waiting().client(parse('', 'SELECT 1'));
    h.answer(ALLOW).client(bind('', ''), flush, execute());
    h.server(error('22012', 'no'));
    h.answer(ALLOW);
    expect(tags(h.toServer())).toBe('PBH');
    expect(h.events()).toEqual([]);
    h.client(sync);
    expect(tags(h.toServer())).toBe('S');
  });

  it('looks again with a fresh catalog, under the same id', () => {
    const h = waiting().client(query('SELECT * FROM unknown_a'));
    const first = nth(h.open.splice(0), 0);
    h.perform(h.engine.reconsider(first.id));
    expect(h.open.map((e) => [e.id, e.unresolved])).toEqual([[first.id, ['unknown_a']]]);
  });

  it('ends the session of a client that floods it', () => {
    const h = waiting().client(query('DELETE FROM t'));
    const megabyte = new Uint8Array(1024 * 1024).fill(0x51);
    for (let sent = 0; sent < 41 && h.closed === null; sent++) h.client(megabyte);
    expect(h.closed?.code).toBe('limit_exceeded');
    expect(h.toServer().length).toBe(0);
  });
});

describe('SQLSTATEs', () => {
  it.each<[DenyCode, string]>([
    ['rule', '42501'],
    ['no_rule', '42501'],
    ['sql_unparsable', '42601'],
    ['sql_too_large', '54000'],
    ['sql_unknown_object', '42P01'],
    ['limit_exceeded', '53400'],
    ['limit_unavailable', '58000'],
    ['journal_unavailable', '58000'],
    ['read_only_target', '42501'],
  ])('%s is %s', (code, state) => {
    expect(denyState(code)).toBe(state);
  });

  it.each<[SessionCode, string, string]>([
    ['signature_invalid', '28000', 'code token_refused'],
    ['keys_unavailable', '28000', 'code token_refused'],
    ['target_unreachable', '08006', 'code target_unreachable'],
    ['killed', '57P01', 'code killed'],
    ['limit_exceeded', '53300', 'code limit_exceeded'],
    ['client_protocol', '08P01', 'code client_protocol'],
  ])('the end by %s is %s', (code, state, detail) => {
    expect(fatalFields(code)).toMatchObject({ S: 'FATAL', C: state, D: detail });
  });

  it('leaves out an empty hint and a missing rule', () => {
    const denial = { kind: 'deny', code: 'no_rule', rule: null, message: 'No.', hint: '' } as const;
    expect(refusalFields(denial, 2)).toEqual({
      S: 'ERROR',
      V: 'ERROR',
      C: '42501',
      M: 'No.',
      D: 'code no_rule; revision 2',
    });
  });
});
