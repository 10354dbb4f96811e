// Which search path a text was judged under, in every way the path can move. `reads` of the stub names the schema.
import { describe, expect, it } from 'vitest';
import { SessionState } from '../../../core/postgres/state.ts';
import { parseNameArray } from '../../../core/postgres/probe.ts';
import { ALLOW, Harness, deny } from './harness.ts';
import {
  bind,
  bindComplete,
  closeComplete,
  complete,
  dataRow,
  error,
  execute,
  frame,
  join,
  parameter,
  parse,
  parseComplete,
  probeAnswer,
  query,
  ready,
  rowDescription,
  sync,
  tags,
  told,
} from './wire.ts';
import { stubInspect } from './stub-inspect.ts';

const PROBE = 'PBECC';
const select = join(rowDescription, dataRow('1'), complete('SELECT 1'));

function watching(): { h: Harness; reads: () => (readonly string[])[] } {
  const asked: (readonly string[])[] = [];
  const h = new Harness({
    decide: (effect) => {
      if (effect.action.kind === 'sql') asked.push(effect.action.sql.reads);
      if (effect.refusal !== null) return { ...effect.refusal, revision: 5, observed: [] };
      return ALLOW;
    },
  }).login('{pg_catalog,public}');
  return { h, reads: () => asked.splice(0) };
}

describe('the search path', () => {
  it('is not asked for again while nothing moves it', () => {
    const { h, reads } = watching();
    for (let i = 0; i < 3; i++) h.client(query('SELECT 1 FROM t')).server(select, ready('I'));
    expect(tags(h.toServer())).toBe('QQQ');
    expect(reads()).toEqual([['public.t'], ['public.t'], ['public.t']]);
  });

  it('is asked for after a SET, when a text needs it, and the client sees nothing of it', () => {
    const { h, reads } = watching();
    h.client(query('SET search_path TO a'), query('BEGIN'), query('SELECT 1 FROM t'));
    // BEGIN names nothing: it need not wait.
    expect(tags(h.toServer())).toBe('QQ');
    h.server(complete('SET'), ready('I'), complete('BEGIN'), ready('T'));
    expect(tags(h.toServer())).toBe(`${PROBE}S`);
    h.server(probeAnswer('{pg_catalog,a}', 'T'));
    expect(tags(h.toServer())).toBe('Q');
    expect(reads().at(-1)).toEqual(['a.t']);
    expect(tags(h.toClient())).toBe('CZCZ');
  });

  it('is asked for inside a segment, which stays whole', () => {
    const { h, reads } = watching();
    h.client(
      parse('', 'SET LOCAL search_path TO a'),
      bind('', ''),
      execute(),
      parse('', 'SELECT 1 FROM t'),
      bind('', ''),
      execute(),
      sync,
    );
    expect(tags(h.toServer())).toBe(`PBE${PROBE}H`);
    h.server(parseComplete, bindComplete, complete('SET'), probeAnswer('{pg_catalog,a}', 'flush'));
    expect(tags(h.toServer())).toBe('PBES');
    expect(reads().at(-1)).toEqual(['a.t']);
    h.server(parseComplete, bindComplete, complete('SELECT 0'), ready('I'));
    expect(tags(h.toClient())).toBe('12C12CZ');
    // The implicit transaction is over, and SET LOCAL with it.
    h.client(query('SELECT 1 FROM t'));
    expect(tags(h.toServer())).toBe(`${PROBE}S`);
  });

  it.each([
    ['COMMIT', 'C'],
    ['ROLLBACK', 'C'],
  ])('is asked for after %s of a transaction that moved it, inside a segment too', (verb) => {
    const { h, reads } = watching();
    h.client(query('BEGIN'), query('SET LOCAL search_path TO a')).server(
      complete('BEGIN'),
      ready('T'),
      complete('SET'),
      ready('T'),
    );
    h.client(query('SELECT 1 FROM t')).server(probeAnswer('{pg_catalog,a}', 'T'));
    h.server(select, ready('T'));
    h.toServer();
    h.client(
      parse('', verb),
      bind('', ''),
      execute(),
      parse('', 'SELECT 1 FROM t'),
      bind('', ''),
      execute(),
      sync,
    );
    expect(tags(h.toServer())).toBe(`PBE${PROBE}H`);
    h.server(
      parseComplete,
      bindComplete,
      complete(verb),
      probeAnswer('{pg_catalog,public}', 'flush'),
    );
    expect(reads().at(-1)).toEqual(['public.t']);
  });

  it('is not asked for at the end of a transaction that moved nothing', () => {
    const { h } = watching();
    h.client(query('BEGIN'), query('COMMIT'), query('SELECT 1 FROM t'));
    expect(tags(h.toServer())).toBe('QQQ');
  });

  it('is waited for after opaque code, by every message', () => {
    const { h } = watching();
    h.client(query('SELECT opaque()'), query('BEGIN'));
    expect(tags(h.toServer())).toBe('Q');
    h.server(select, ready('I'));
    // ReadyForQuery has reported what there is to report: the way texts are read is as it was.
    expect(tags(h.toServer())).toBe('Q');
  });

  it('is asked for inside a segment after opaque code, even by a text that names nothing', () => {
    const { h } = watching();
    h.client(parse('', 'SELECT opaque()'), bind('', ''), execute(), parse('', 'SHOW x'), sync);
    expect(tags(h.toServer())).toBe(`PBE${PROBE}H`);
    h.server(parseComplete, bindComplete, complete('SELECT 1'));
    h.server(probeAnswer('{public}', 'flush', 'off'));
    expect(h.closed).toEqual({
      code: 'session_state_changed',
      detail: 'standard_conforming_strings is off',
    });
    expect(tags(h.toServer())).toBe('');
  });

  it('cannot be asked for in a failed transaction, where nothing runs but its end', () => {
    const { h, reads } = watching();
    h.client(query('BEGIN'), query('SET search_path TO a'), query('SELECT fail'));
    h.server(complete('BEGIN'), ready('T'), complete('SET'), ready('T'));
    h.server(probeAnswer('{a}', 'T'));
    h.server(error('22012', 'no'), ready('E'));
    h.toServer();
    h.client(query('SELECT 1 FROM t'));
    expect(tags(h.toServer())).toBe('Q');
    h.server(error('25P02', 'aborted'), ready('E'));
    h.client(query('ROLLBACK')).server(complete('ROLLBACK'), ready('I'));
    h.toServer();
    h.client(query('SELECT 1 FROM t'));
    expect(tags(h.toServer())).toBe(`${PROBE}S`);
    h.server(probeAnswer('{public}', 'I'));
    expect(reads().at(-1)).toEqual(['public.t']);
  });

  it('is asked for when the server reports that it moved', () => {
    const { h, reads } = watching();
    h.server(parameter('search_path', 'a')).client(query('SELECT 1 FROM t'));
    expect(tags(h.toServer())).toBe(`${PROBE}S`);
    h.server(probeAnswer('{a}', 'I'));
    expect(reads()).toEqual([['a.t']]);
  });

  it('that moves under a pending decision makes it be asked for again', () => {
    const h = new Harness({ decide: (e) => (e.action.kind === 'connect' ? ALLOW : null) }).login();
    h.client(query('SELECT 1 FROM t')).server(parameter('search_path', 'a'));
    h.answer(ALLOW);
    expect(tags(h.toServer())).toBe(`${PROBE}S`);
    h.server(probeAnswer('{a}', 'I'));
    expect(h.open.map((e) => e.action)).toMatchObject([{ sql: { reads: ['a.t'] } }]);
    expect(tags(h.answer(ALLOW).toServer())).toBe('Q');
  });

  it('of a portal is the one it was bound under, besides the one of now', () => {
    const { h, reads } = watching();
    h.client(query('BEGIN'), parse('s', 'SELECT 1 FROM t'), bind('p', 's'), sync);
    h.server(complete('BEGIN'), ready('T'), parseComplete, bindComplete, ready('T'));
    h.client(query('SET search_path TO a')).server(complete('SET'), ready('T'));
    h.client(execute('p'), sync).server(probeAnswer('{a}', 'T'));
    expect(reads().at(-1)).toEqual(['public|a.t']);
    // A prepared statement is analysed anew under the path of now.
    h.server(complete('SELECT 0'), ready('T'));
    h.client(bind('', 's'), execute(), sync);
    expect(reads().at(-1)).toEqual(['a.t']);
  });

  it('of a cursor is the one it was declared under', () => {
    const { h, reads } = watching();
    h.client(query('BEGIN'), query('DECLARE c CURSOR FOR SELECT 1 FROM t'));
    h.server(complete('BEGIN'), ready('T'), complete('DECLARE CURSOR'), ready('T'));
    h.client(query('SET search_path TO a')).server(complete('SET'), ready('T'));
    h.client(query('FETCH 1 FROM c')).server(probeAnswer('{a}', 'T'));
    expect(reads().at(-1)).toEqual(['public.t']);
  });
});

describe('a probe that fails', () => {
  it('between two segments refuses what needed it, and is tried again', () => {
    const { h } = watching();
    h.client(query('SET search_path TO a'), query('SELECT 1 FROM t')).server(
      complete('SET'),
      ready('I'),
    );
    h.server(error('57014', 'canceling statement due to statement timeout'), ready('I'));
    expect(tags(h.toClient())).toBe('CZ');
    h.server(h.failing(), ready('I'));
    expect(told(h.toClient())).toMatchObject({ C: '42501', D: 'code guarded_setting; revision 5' });
    h.toServer();
    h.client(query('SELECT 1 FROM t'));
    expect(tags(h.toServer())).toBe(`${PROBE}S`);
  });

  it('inside a segment fails it, and the client sees why', () => {
    const { h } = watching();
    h.client(
      parse('', 'SET search_path TO a'),
      bind('', ''),
      execute(),
      parse('', 'SELECT 1 FROM t'),
      bind('', ''),
      execute(),
      sync,
    );
    h.server(parseComplete, bindComplete, complete('SET'), error('57014', 'timeout'));
    expect(tags(h.toClient())).toBe('12CE');
    expect(tags(h.toServer())).toBe(`PBE${PROBE}HS`);
    h.server(ready('I'));
    expect(h.closed).toBeNull();
  });

  it('is skipped with a segment that failed before it', () => {
    const { h } = watching();
    h.client(
      parse('', 'SET search_path TO a'),
      bind('', ''),
      execute(),
      parse('', 'SELECT 1 FROM t'),
      sync,
    );
    h.server(parseComplete, error('42704', 'no'));
    expect(tags(h.toServer())).toBe(`PBE${PROBE}HS`);
    h.server(ready('I')).client(query('SELECT 1 FROM t'));
    expect(tags(h.toServer())).toBe(`${PROBE}S`);
    expect(tags(h.toClient())).toBe('1EZ');
  });
});

describe('settings that give texts their meaning', () => {
  it.each([
    ['standard_conforming_strings', 'off'],
    ['client_encoding', 'SJIS'],
  ])('end the session before anything more when %s becomes %s', (name, value) => {
    const { h } = watching();
    h.client(query('SELECT opaque()'), query("SET a.b = '\\'';DROP TABLE t;--'"));
    h.server(select, parameter(name, value), ready('I'));
    expect(h.closed?.code).toBe('session_state_changed');
    expect(tags(h.toServer())).toBe('Q');
    expect(told(h.toClient())).toMatchObject({ S: 'FATAL', C: '57P01' });
  });

  it('may be reported at their values, and others at any', () => {
    const { h } = watching();
    h.server(parameter('client_encoding', 'UTF8'), parameter('TimeZone', 'UTC'));
    expect(h.closed).toBeNull();
    expect(tags(h.toClient())).toBe('SS');
  });
});

describe('texts that change the schema', () => {
  it('are handed to the inspection until their transaction ends', () => {
    const seen: (readonly string[])[] = [];
    const h = new Harness({
      inspect: () => (sql, context) => {
        seen.push((context.uncommitted ?? []).map((u) => u.text));
        return stubInspect(sql, context);
      },
      decide: () => ALLOW,
    }).login();
    seen.length = 0;
    const step = (sql: string, tag: string, status: string) => {
      h.client(query(sql));
      if (tags(h.toServer()) !== 'Q') h.server(probeAnswer('{public}', status as 'I' | 'T'));
      h.toServer();
      h.server(complete(tag), ready(status));
      return seen.at(-1);
    };
    expect(step('BEGIN', 'BEGIN', 'T')).toEqual([]);
    expect(step('CREATE TABLE t', 'CREATE TABLE', 'T')).toEqual([]);
    expect(step('SELECT 1 FROM t', 'SELECT 1', 'T')).toEqual(['CREATE TABLE t']);
    expect(step('COMMIT', 'COMMIT', 'I')).toEqual(['CREATE TABLE t']);
    expect(step('SELECT 2 FROM t', 'SELECT 1', 'I')).toEqual([]);
    // Until the transaction is over nobody else sees the change: the catalog is stale only then.
    expect(h.effects.filter((e) => e.kind === 'stale').length).toBe(1);
  });

  it('make the catalog stale at once outside of a transaction', () => {
    const h = new Harness({ decide: () => ALLOW }).login();
    h.client(query('CREATE TABLE t')).server(complete('CREATE TABLE'), ready('I'));
    expect(h.effects.at(-1)?.kind).toBe('stale');
  });
});

describe('SessionState', () => {
  it('refuses endless changes of the schema in one transaction', () => {
    const h = new Harness({
      decide: (e) => (e.refusal === null ? ALLOW : { ...e.refusal, revision: 5, observed: [] }),
    }).login();
    h.client(query('BEGIN')).server(complete('BEGIN'), ready('T')).toServer();
    for (let i = 0; i <= 1000; i++) {
      h.client(query(`CREATE TABLE t${i}`));
      if (tags(h.toServer()) !== 'Q') h.server(probeAnswer('{public}', 'T'));
      h.toServer();
      if (i < 1000) h.server(complete('CREATE TABLE'), ready('T'));
    }
    h.server(h.failing(), ready('E'));
    expect(told(h.toClient())).toMatchObject({ C: '53400' });
  });

  it('keeps the same array for the same path', () => {
    const state = new SessionState(false);
    state.learned(['a', 'b'], 'app');
    const { path } = state;
    state.learned(['a', 'b'], 'app');
    expect(state.path).toBe(path);
    state.learned(['b', 'a'], 'app');
    expect(state.path).toEqual(['b', 'a']);
  });

  it('knows what a read-only target must report', () => {
    expect(new SessionState(true).wrong('transaction_read_only', 'off')).not.toBeNull();
    expect(new SessionState(true).wrong('default_transaction_read_only', 'on')).toBeNull();
    expect(new SessionState(false).wrong('default_transaction_read_only', 'off')).toBeNull();
  });
});

describe('arrays of names', () => {
  it.each<[string, string[] | null]>([
    ['{}', []],
    ['{a}', ['a']],
    ['{pg_catalog,public}', ['pg_catalog', 'public']],
    ['{"A b","c\\"d","e\\\\f","g,h","{i}"}', ['A b', 'c"d', 'e\\f', 'g,h', '{i}']],
    ['{"NULL"}', ['NULL']],
    ['{ü,"日本"}', ['ü', '日本']],
    ['{NULL}', null],
    ['a', null],
    ['{a', null],
    ['{a,}', null],
    ['{,a}', null],
    ['{a}b}', null],
    ['{"a}', null],
    ['{a "b"}', null],
    ['{{a}}', null],
  ])('%s', (text, expected) => {
    expect(parseNameArray(text)).toEqual(expected);
  });
});

it('an ordinary deny has nothing to do with paths', () => {
  const h = new Harness({ decide: (e) => (e.action.kind === 'connect' ? ALLOW : deny()) }).login();
  h.client(query('SELECT 1 FROM t')).server(frame('1').subarray(0, 0));
  expect(tags(h.toServer())).toBe('Q');
  h.server(h.failing(), ready('I'), closeComplete.subarray(0, 0));
  expect(tags(h.toClient())).toBe('EZ');
});
