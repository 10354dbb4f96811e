// Errors, notices and notifications around statements that touch masked tables: what is replaced, what stays, and for how
// long.
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../core/decision.ts';
import type { Masking } from '../../../core/masking/mask.ts';
import { hushedFields } from '../../../core/postgres/hushing.ts';
import { ALLOW, APPROVE, Harness } from './harness.ts';
import { CANARY, NO_ROWS, maskingOf, stubMaskers } from './stub-maskers.ts';
import {
  bind,
  bindComplete,
  complete,
  cstr,
  error,
  execute,
  fields,
  frame,
  frames,
  i32,
  join,
  notice,
  parse,
  parseComplete,
  query,
  ready,
  sync,
  tags,
  text,
  told,
} from './wire.ts';

const HUSHED = maskingOf([NO_ROWS], { hushed: true });
const CLEAN = maskingOf([NO_ROWS]);
const FAILURE = error('23505', `Key (email)=(${CANARY}) already exists.`);
const NOTICE = notice(`row of ${CANARY}`);

/** Statements on `people` are hushed; `clean`: what other statements get, null where no mask concerns the caller. */
function session(clean: Masking | null = CLEAN): Harness {
  const decide = (e: {
    action: { kind: string; sql?: { tables: readonly string[] } };
  }): Decision => {
    const hushed = e.action.sql?.tables.some((table) => table.endsWith('.people')) ?? false;
    const masking = hushed ? HUSHED : clean;
    return masking === null || e.action.kind !== 'sql' ? ALLOW : { ...ALLOW, masking };
  };
  return new Harness({ maskers: stubMaskers(), decide: decide as never }).login();
}

const shown = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const insert = query('INSERT INTO people VALUES (1)');

describe('fields of a report that may quote values', () => {
  const full = {
    S: 'ERROR',
    V: 'ERROR',
    C: '23505',
    M: CANARY,
    D: CANARY,
    H: CANARY,
    P: '12',
    p: '3',
    q: CANARY,
    W: CANARY,
    s: 'public',
    t: 'people',
    c: 'email',
    d: 'citext',
    n: 'people_email_key',
    F: 'nbtinsert.c',
    L: '666',
    R: '_bt_check_unique',
  };

  it('keep severity, state, names of objects and the place in the source, and nothing else', () => {
    const { M, ...rest } = hushedFields(full);
    const { M: _, D: _d, H: _h, P: _p, p: _p2, q: _q, W: _w, ...kept } = full;
    expect(rest).toEqual(kept);
    expect(M).toMatch(/unique constraint/);
  });

  it.each([
    ['22P02', /wrong form/],
    ['22ZZZ', /value/],
    ['P0001', /function raised/],
    ['99999', /reported something/],
    ['XX000', /internal error/],
  ])('have a sentence for %s', (state, sentence) => {
    expect(hushedFields({ ...full, C: state })).toMatchObject({ C: state, M: sentence });
  });

  it.each(['', CANARY, '2350', '23505x', 'a1b2c', 'toStr', '__pro'])(
    'have no state that is none: %j',
    (state) => {
      expect(hushedFields({ C: state, M: CANARY })['C']).toBe('XX000');
    },
  );

  it('drop fields that nobody knows', () => {
    expect(JSON.stringify(hushedFields({ ...full, x: CANARY, M2: CANARY }))).not.toContain(CANARY);
  });
});

describe('an error', () => {
  it('of a hushed statement loses its text and keeps its state', () => {
    const h = session().client(insert).server(FAILURE, ready('I'));
    const bytes = h.toClient();
    expect(tags(bytes)).toBe('EZ');
    expect(told(bytes)).toMatchObject({ S: 'ERROR', C: '23505' });
    expect(shown(bytes)).not.toContain(CANARY);
    expect(h.events().at(-1)).toMatchObject({ outcome: 'failed', error: '23505' });
  });

  it.each([
    ['of another statement', session(), query('INSERT INTO other VALUES (1)')],
    ['where no mask concerns the caller', session(null), query('INSERT INTO other VALUES (1)')],
  ])('%s passes as it is', (_name, h, sent) => {
    h.client(sent).server(FAILURE, ready('I'));
    expect(h.toClient()).toEqual(join(FAILURE, ready('I')));
  });

  it('at the commit of a transaction with a hushed statement loses its text', () => {
    const h = session()
      .client(query('BEGIN'))
      .server(complete('BEGIN'), ready('T'))
      .client(insert)
      .server(complete('INSERT 0 1'), ready('T'))
      .client(query('COMMIT'));
    h.toClient();
    h.server(FAILURE, ready('I'));
    expect(shown(h.toClient())).not.toContain(CANARY);
  });

  it('at the Sync of a segment with a hushed statement loses its text', () => {
    const h = session().client(parse('', 'INSERT INTO people'), bind('', ''), execute(), sync);
    h.server(parseComplete, bindComplete, complete('INSERT 0 1'), FAILURE, ready('I'));
    const bytes = h.toClient();
    expect(tags(bytes)).toBe('12CEZ');
    expect(shown(bytes)).not.toContain(CANARY);
  });

  it('keeps its text again when that transaction is over', () => {
    const h = session().client(insert).server(complete('INSERT 0 1'), ready('I'));
    h.client(query('INSERT INTO other VALUES (1)')).server(FAILURE, ready('I'));
    expect(shown(h.toClient())).toContain(CANARY);
  });

  it('of a statement behind it in the pipeline does not end the shadow too early', () => {
    const h = session().client(
      query('INSERT INTO other VALUES (1)'),
      parse('', 'INSERT INTO people'),
      bind('', ''),
      execute(),
      sync,
    );
    h.server(complete('INSERT 0 1'), ready('I'));
    h.server(parseComplete, bindComplete, complete('INSERT 0 1'), FAILURE, ready('I'));
    expect(shown(h.toClient())).not.toContain(CANARY);
  });

  it('inside a failed transaction stays hushed until that ends', () => {
    const h = session().client(query('BEGIN')).server(complete('BEGIN'), ready('T'));
    h.client(insert).server(FAILURE, ready('E'));
    h.client(query('SELECT 1')).server(FAILURE, ready('E'));
    h.client(query('ROLLBACK')).server(NOTICE, complete('ROLLBACK'), ready('I'));
    expect(shown(h.toClient())).not.toContain(CANARY);
  });

  it.each([
    ['Bind: planning looks at statistics', [parseComplete], 'hushed'],
    ['Parse: it quotes the text itself', [], 'plain'],
  ])('at the %s', (_name, before, how) => {
    const h = session().client(parse('', 'INSERT INTO people'), bind('', ''), execute(), sync);
    h.server(...before, FAILURE, ready('I'));
    expect(shown(h.toClient()).includes(CANARY)).toBe(how === 'plain');
  });

  it('at the Bind of what was only prepared, and by nobody allowed yet, loses its text', () => {
    const h = new Harness({
      maskers: stubMaskers(),
      decide: (e) => (e.preparing ? APPROVE : { ...ALLOW, masking: CLEAN }),
    }).login();
    h.client(query('SELECT 1')).server(complete('SELECT 0'), ready('I'));
    h.client(parse('', 'INSERT INTO people'), bind('', ''), sync);
    h.server(parseComplete, FAILURE, ready('I'));
    expect(shown(h.toClient())).not.toContain(CANARY);
  });

  it('that ends the connection loses its text and ends it all the same', () => {
    const h = session().client(insert);
    h.server(error('57P01', `terminating: ${CANARY}`, 'FATAL'));
    const bytes = h.toClient();
    expect(told(bytes)).toMatchObject({ S: 'FATAL', C: '57P01' });
    expect(shown(bytes)).not.toContain(CANARY);
    h.perform(h.engine.serverClosed());
    expect(h.closed).toMatchObject({ code: 'target_closed', detail: 'SQLSTATE 57P01' });
  });

  it("of ours in a refusal's place keeps our words", () => {
    const h = new Harness({
      maskers: stubMaskers(),
      decide: (e) => {
        if (e.action.kind !== 'sql') return ALLOW;
        return e.action.sql.tables.some((t) => t.endsWith('.secret'))
          ? {
              kind: 'deny',
              code: 'mask_predicate',
              rule: null,
              message: 'LIKE over a masked column.',
              hint: 'Look it up by its exact value.',
              revision: 5,
              observed: [],
            }
          : { ...ALLOW, masking: HUSHED };
      },
    }).login();
    h.client(query('BEGIN')).server(complete('BEGIN'), ready('T'));
    h.client(query('SELECT 1 FROM secret')).server(h.failing(), ready('E'));
    expect(told(h.toClient())).toMatchObject({ M: 'LIKE over a masked column.', C: '42501' });
  });
});

describe('a notice', () => {
  it.each([
    ['of a hushed statement', (h: Harness) => h.client(insert).server(NOTICE)],
    [
      'between statements of its transaction',
      (h: Harness) => h.client(insert).server(complete('INSERT 0 1'), ready('T'), NOTICE),
    ],
    [
      'at its commit',
      (h: Harness) =>
        h
          .client(insert)
          .server(complete('INSERT 0 1'), ready('T'))
          .client(query('COMMIT'))
          .server(NOTICE),
    ],
    [
      'at any time, of no statement',
      (h: Harness) => h.client(query('SELECT 1')).server(complete('SELECT 0'), ready('I'), NOTICE),
    ],
    [
      'while the next statement is prepared',
      (h: Harness) =>
        h
          .client(insert)
          .server(complete('INSERT 0 1'), ready('T'))
          .client(parse('', 'SELECT 1'), sync)
          .server(NOTICE),
    ],
  ])('%s loses its text', (_name, how) => {
    const bytes = how(session()).toClient();
    expect(shown(bytes)).not.toContain(CANARY);
    expect(told(bytes)).toMatchObject({ S: 'NOTICE', C: '00000' });
  });

  it('passes where no mask concerns the caller', () => {
    const h = session(null).client(query('SELECT 1')).server(NOTICE);
    expect(h.toClient()).toEqual(NOTICE);
  });

  it('of the gateway itself keeps its words', () => {
    const h = session().client(insert);
    h.perform(h.engine.notify('waiting for a human'));
    expect(told(h.toClient())['M']).toBe('waiting for a human');
  });
});

describe('a notification', () => {
  const sent = (payload: string) => frame('A', i32(7), cstr('chan'), cstr(payload));
  const detect = [{ ids: ['m'], detector: 'email', kind: 'redact' }] as const;
  const listening = (masking: Masking | null) =>
    session(masking).client(query('LISTEN chan')).server(complete('LISTEN'), ready('I'));

  it.each([
    [
      'something that is looked for',
      maskingOf([NO_ROWS], { detect }),
      'to jane.doe@example.com',
      'masked',
    ],
    [
      'nothing that is looked for',
      maskingOf([NO_ROWS], { detect }),
      'order 7 is ready',
      'order 7 is ready',
    ],
    [
      'anything, with nothing to look for',
      CLEAN,
      'to jane.doe@example.com',
      'to jane.doe@example.com',
    ],
    ['anything, without masks', null, 'to jane.doe@example.com', 'to jane.doe@example.com'],
  ])('with %s', (_name, masking, payload, expected) => {
    const h = listening(masking);
    h.toClient();
    h.server(sent(payload));
    expect(h.toClient()).toEqual(sent(expected));
  });

  it('that is malformed ends the session', () => {
    const h = listening(maskingOf([NO_ROWS], { detect }));
    h.server(frame('A', i32(7), text('chan')));
    expect(h.closed?.code).toBe('target_protocol');
  });
});

it('reads its own frames as the manual has them', () => {
  const h = session().client(insert).server(FAILURE, ready('I'));
  const [report] = frames(h.toClient());
  if (report === undefined) throw new Error('no report');
  expect(report.body.at(-1)).toBe(0);
  expect(Object.keys(fields(report.body)).sort()).toEqual(['C', 'M', 'S', 'V']);
});
