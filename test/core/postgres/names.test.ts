// What a name stands for decides what is judged. Each case here is a way to run one text under the name of another.
import { describe, expect, it } from 'vitest';
import { MAX_NAMED_OBJECTS } from '../../../core/limits.ts';
import { Names } from '../../../core/postgres/named.ts';
import { ALLOW, Harness, decideByTable, type Decide } from './harness.ts';
import { stubInspect } from './stub-inspect.ts';
import {
  bind,
  bindComplete,
  closeComplete,
  closePortal,
  closeStatement,
  complete,
  cstrings,
  dataRow,
  error,
  execute,
  flush,
  frames,
  join,
  nth,
  parse,
  parseComplete,
  query,
  ready,
  stringsAt,
  suspended,
  sync,
  tags,
  told,
} from './wire.ts';

/** Lets everything be prepared, and keeps what was asked to run. */
function watching(): { h: Harness; ran: () => (readonly string[])[] } {
  const asked: Decide[] = [];
  const h = new Harness({
    decide: (effect) => {
      if (effect.preparing || effect.action.kind === 'connect') return ALLOW;
      asked.push(effect);
      return decideByTable(effect);
    },
  }).login();
  return {
    h,
    ran: () => asked.splice(0).map((e) => (e.action.kind === 'sql' ? e.action.sql.tables : [])),
  };
}

describe('a prepared statement', () => {
  it('stands for the new text in the segment of its Parse', () => {
    const { h, ran } = watching();
    h.client(
      parse('', 'SELECT 1 FROM a'),
      bind('', ''),
      execute(),
      parse('', 'SELECT 1 FROM b'),
      bind('', ''),
      execute(),
      sync,
    );
    expect(ran()).toEqual([['public.a'], ['public.b']]);
  });

  it('is waited for from another segment, because its Parse may have failed', () => {
    const { h, ran } = watching();
    h.client(parse('s', 'SELECT 1 FROM a'), sync).server(parseComplete, ready('I'));
    h.client(
      closeStatement('s'),
      parse('s', 'SELECT 1 FROM b'),
      sync,
      bind('', 's'),
      execute(),
      sync,
    );
    expect(ran()).toEqual([]);
    expect(tags(h.toServer())).toBe('PSCPS');
    h.server(closeComplete, error('42601', 'no'), ready('I'));
    // The close came through, the Parse did not: nobody knows `s` now, and the server is left to say so.
    expect(tags(h.toServer())).toBe('BES');
    expect(ran()).toEqual([[]]);
    h.server(h.failing(), ready('I'));
    expect(h.closed).toBeNull();
  });

  it('stays what it was when a Parse of the same name fails', () => {
    const { h, ran } = watching();
    h.client(parse('s', 'SELECT 1 FROM a'), sync).server(parseComplete, ready('I'));
    h.client(parse('s', 'SELECT 1 FROM secret'), sync, bind('', 's'), execute(), sync);
    h.server(error('42P05', 'exists'), ready('I'));
    expect(ran()).toEqual([['public.a']]);
  });

  it('is unknown when its Parse was skipped', () => {
    const { h, ran } = watching();
    h.client(
      parse('x', 'SELECT fail'),
      parse('s', 'SELECT 1 FROM a'),
      sync,
      bind('', 's'),
      execute(),
      sync,
    );
    h.server(error('42601', 'no'), ready('I'));
    const sent = frames(h.toServer());
    expect(sent.map((f) => f.tag).join('')).toBe('PPSBES');
    expect(cstrings(nth(sent, 4).body)[0]).toMatch(/^postern_[0-9a-f]{32}$/);
    expect(ran()).toEqual([[]]);
  });

  it('may come from SQL, and be run by the protocol', () => {
    const { h, ran } = watching();
    h.client(query('PREPARE s AS SELECT 1 FROM a')).server(complete('PREPARE'), ready('I'));
    ran();
    h.client(bind('', 's'), execute(), sync);
    expect(ran()).toEqual([['public.a']]);
  });

  it('may come from the protocol, and be run by SQL', () => {
    const { h, ran } = watching();
    h.client(parse('s', 'SELECT 1 FROM secret'), sync).server(parseComplete, ready('I'));
    h.client(query('EXECUTE s'));
    expect(ran()).toEqual([['public.secret']]);
    expect(stringsAt(h.toServer(), -1)[0]).toMatch(/^postern_[0-9a-f]{32}$/);
  });

  it('is waited for when SQL may have changed it', () => {
    const { h, ran } = watching();
    h.client(parse('s', 'SELECT 1 FROM a'), sync).server(parseComplete, ready('I'));
    h.client(query('DEALLOCATE s'), query('EXECUTE s'));
    expect(tags(h.toServer())).toBe('PSQ');
    ran();
    h.server(complete('DEALLOCATE'), ready('I'));
    expect(tags(h.toServer())).toBe('Q');
  });

  it('may be one of two after a failed text of several statements, and then runs as neither', () => {
    const { h, ran } = watching();
    h.client(query('PREPARE s AS SELECT 1 FROM a; SELECT fail')).server(
      complete('PREPARE'),
      error('22012', 'no'),
      ready('I'),
    );
    h.client(query('PREPARE s AS SELECT 1 FROM b; SELECT fail')).server(
      error('42P05', 'exists'),
      ready('I'),
    );
    ran();
    h.client(bind('', 's'), sync);
    expect(stringsAt(h.toServer(), -2)[0]).toMatch(/^postern_[0-9a-f]{32}$/);
  });

  it('is forgotten by DISCARD ALL', () => {
    const { h, ran } = watching();
    h.client(parse('s', 'SELECT 1 FROM a'), sync).server(parseComplete, ready('I'));
    h.client(query('DISCARD ALL')).server(complete('DISCARD ALL'), ready('I'));
    ran();
    h.client(query('EXECUTE s'));
    expect(h.closed).toBeNull();
    expect(ran()).toEqual([]); // unknown state first: the probe is on its way
    expect(tags(h.toServer())).toBe('PSQPBECCS');
  });
});

describe('a portal', () => {
  const bound = (sql: string, portal = 'p') => {
    const watched = watching();
    watched.h
      .client(query('BEGIN'))
      .server(complete('BEGIN'), ready('T'))
      .client(parse('', sql), bind(portal, ''), sync)
      .server(parseComplete, bindComplete, ready('T'));
    watched.h.toServer();
    watched.h.toClient();
    watched.h.events();
    watched.ran();
    return watched;
  };

  it('runs through FETCH what was bound to it, and is judged by that', () => {
    const { h, ran } = bound('SELECT 1 FROM secret');
    h.client(query('FETCH ALL FROM "p"'));
    expect(ran()).toEqual([['public.secret']]);
    expect(Buffer.from(h.toServer()).toString()).not.toContain('FETCH');
  });

  it('is one action for each Execute, the continued ones too', () => {
    const { h, ran } = bound('SELECT 5 FROM a');
    h.client(execute('p', 2), sync).server(dataRow('1'), dataRow('2'), suspended, ready('T'));
    h.client(execute('p', 2), sync).server(dataRow('3'), dataRow('4'), suspended, ready('T'));
    h.client(execute('p', 2), sync).server(dataRow('5'), complete('SELECT 1'), ready('T'));
    expect(ran()).toEqual([['public.a'], ['public.a'], ['public.a']]);
    const outcomes = h.events().filter((e) => e.kind === 'outcome');
    expect(outcomes).toMatchObject([{ rows: 2 }, { rows: 2 }, { rows: 1 }]);
  });

  it('may be a cursor, run by the protocol', () => {
    const { h, ran } = watching();
    h.client(query('BEGIN'), query('DECLARE c CURSOR FOR SELECT 1 FROM secret'));
    // Declared as a text that is refused: it never comes to be.
    h.server(complete('BEGIN'), ready('T'), h.failing(), ready('E'));
    ran();
    h.client(execute('c'), sync);
    expect(stringsAt(h.toServer(), -2)[0]).toMatch(/^postern_[0-9a-f]{32}$/);
  });

  it('that nobody opened is not run', () => {
    const { h } = watching();
    h.client(execute('<unnamed portal 1>'), sync);
    expect(stringsAt(h.toServer(), 0)[0]).toMatch(/^postern_[0-9a-f]{32}$/);
    h.server(h.failing(), ready('I'));
    expect(told(h.toClient())).toMatchObject({ C: '0A000' });
    expect(h.events()).toMatchObject([
      { text: '-- Execute' },
      { kind: 'intent' },
      { outcome: 'refused' },
    ]);
  });

  it('is gone after a Close, and after its transaction', () => {
    const closed = bound('SELECT 1 FROM a');
    closed.h.client(closePortal('p'), execute('p'), sync);
    expect(stringsAt(closed.h.toServer(), 1)[0]).toMatch(/^postern_[0-9a-f]{32}$/);
    const ended = bound('SELECT 1 FROM a');
    ended.h
      .client(query('COMMIT'))
      .server(complete('COMMIT'), ready('I'))
      .client(execute('p'), sync);
    expect(stringsAt(ended.h.toServer(), -2)[0]).toMatch(/^postern_[0-9a-f]{32}$/);
  });

  it('stays known after its transaction when it is WITH HOLD', () => {
    const { h, ran } = watching();
    h.client(query('DECLARE c CURSOR WITH HOLD FOR SELECT 1 FROM a')).server(
      complete('DECLARE CURSOR'),
      ready('I'),
    );
    ran();
    h.client(query('FETCH 1 FROM c'));
    expect(ran()).toEqual([['public.a']]);
  });

  it('without a known statement is not run either, even when the server has one of that name', () => {
    const { h } = watching();
    h.client(bind('', 'made_by_a_function'), execute(), sync);
    h.server(bindComplete);
    expect(tags(h.toServer())).toBe('BES');
    expect(h.closed).toBeNull();
  });
});

describe('limits', () => {
  it('end at so many names', () => {
    const { h } = watching();
    for (let i = 0; i < MAX_NAMED_OBJECTS; i++) {
      h.client(parse(`s${i}`, 'SELECT 1'));
      if (i % 1000 === 999)
        h.client(sync).server(
          join(...Array.from({ length: 1000 }, () => parseComplete)),
          ready('I'),
        );
    }
    h.toServer();
    h.client(parse('one_more', 'SELECT 1'), sync);
    expect(stringsAt(h.toServer(), 0)[1]).toMatch(/^postern_[0-9a-f]{32}$/);
    h.server(h.failing(), ready('I'));
    expect(told(h.toClient())).toMatchObject({
      C: '53400',
    });
    // Closing one makes room again.
    h.client(closeStatement('s1'), sync)
      .server(closeComplete, ready('I'))
      .client(parse('one_more', 'SELECT 1'));
    h.client(flush);
    expect(stringsAt(h.toServer(), -2)).toContain('SELECT 1');
  });

  it('wait for answers instead of growing without end', () => {
    const known = stubInspect('SELECT 1', {
      searchPaths: [['a']],
      prepared: () => [],
      cursor: () => [],
      readOnly: false,
    });
    const h = new Harness({ inspect: () => () => known, decide: () => ALLOW }).login();
    const large = parse('', `SELECT 1${' +1'.repeat(500_000)}`);
    let sent = 0;
    for (; sent < 40; sent++) {
      h.client(large);
      if (tags(h.toServer()).endsWith('H')) break;
    }
    expect(sent).toBeLessThan(20);
    h.server(join(...Array.from({ length: sent }, () => parseComplete)));
    h.client(flush);
    expect(tags(h.toServer())).toBe('PH');
    expect(h.closed).toBeNull();
  });
});

describe('Names', () => {
  const value = (weight: number) => ({ weight });

  it('keeps weights exact through every kind of end', () => {
    const names = new Names<{ weight: number }>();
    const [a, b, c] = [value(1), value(10), value(100)];
    names.settle(names.plan('a', a, 0), 'done');
    names.settle(names.plan('a', b, 0), 'perhaps');
    expect([names.resolve('a', 9), names.weight, names.size]).toEqual([[a, b], 11, 1]);
    const planned = names.plan('a', c, 3);
    expect([names.weight, names.resolve('a', 3), names.resolve('a', 4)]).toEqual([111, [c], null]);
    names.settle(planned, 'not_done');
    expect(names.weight).toBe(11);
    names.settle(names.plan(null, null, null), 'done');
    expect([names.weight, names.size, names.resolve('a', 0)]).toEqual([0, 0, []]);
  });

  it('takes the later of a name and all names', () => {
    const names = new Names<{ weight: number }>();
    const first = names.plan('a', value(1), 0);
    const all = names.plan(null, null, 0);
    expect(names.resolve('a', 0)).toEqual([]);
    const again = names.plan('a', value(2), 0);
    expect(names.resolve('a', 0)).toEqual([value(2)]);
    expect(names.candidates('a')).toEqual([value(1), value(2)]);
    for (const change of [first, all, again]) names.settle(change, 'done');
    expect(names.resolve('a', 5)).toEqual([value(2)]);
  });
});
