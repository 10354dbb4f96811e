// The commit gate behind a pipeline: it must not take the client's transaction for its own, and must not wait for ever.
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../core/decision.ts';
import { ALLOW, Harness } from './harness.ts';
import {
  bind,
  bindComplete,
  complete,
  cstrings,
  error,
  execute,
  frames,
  parse,
  parseComplete,
  query,
  ready,
  sync,
  tags,
} from './wire.ts';

const APPROVED: Decision = {
  ...ALLOW,
  approval: { id: 'a1', maxRows: 5 },
} as Decision;

/** Approves every write, with a bound of five rows. */
function gated(): Harness {
  return new Harness({
    decide: (e) =>
      e.action.kind === 'sql' && e.action.sql.effect === 'write' && !e.preparing ? APPROVED : ALLOW,
  }).login();
}

const texts = (h: Harness) =>
  frames(h.toServer()).flatMap((f) =>
    f.tag === 'P' ? [cstrings(f.body)[1]] : f.tag === 'Q' ? [cstrings(f.body)[0]] : [],
  );

describe('an approved write with a bound', () => {
  it('opens a transaction of its own where there is none', () => {
    const h = gated().client(query('DELETE FROM t'));
    expect(texts(h)[0]).toBe('BEGIN');
  });

  it('waits for a BEGIN on its way, and then stays inside that transaction', () => {
    const h = gated().client(query('BEGIN'), query('DELETE FROM t'));
    expect(texts(h)).toEqual(['BEGIN']);
    h.server(complete('BEGIN'), ready('T'));
    expect(texts(h)).not.toContain('BEGIN');
  });

  it('takes a BEGIN of the same segment for what it is', () => {
    const h = gated().client(
      parse('', 'BEGIN'),
      bind('', ''),
      execute(),
      parse('', 'DELETE FROM t'),
      bind('', ''),
      execute(),
      sync,
    );
    expect(tags(h.toServer())).toBe('PBEPBH');
    h.server(parseComplete, bindComplete, complete('BEGIN'), parseComplete, bindComplete);
    expect(texts(h)).not.toContain('BEGIN');
    expect(h.closed).toBeNull();
  });

  it('is skipped with its segment when something before it fails', () => {
    const h = gated().client(
      parse('', 'SELECT 1'),
      bind('', ''),
      execute(),
      parse('', 'DELETE FROM t'),
      bind('', ''),
      execute(),
      sync,
    );
    h.toServer();
    h.server(parseComplete, bindComplete, error('22012', 'no'));
    expect(tags(h.toServer())).toBe('S');
    h.server(ready('I')).client(query('SELECT 1'));
    expect(tags(h.toServer())).toBe('Q');
    expect(h.events().filter((e) => e.kind === 'intent').length).toBe(2);
  });

  it('is refused as a simple query behind messages that were not synchronised', () => {
    const h = gated().client(
      parse('', 'SELECT 1'),
      bind('', ''),
      execute(),
      query('DELETE FROM t'),
    );
    const sent = frames(h.toServer());
    expect(cstrings(sent.at(-1)?.body ?? new Uint8Array())[0]).toMatch(/^postern_[0-9a-f]{32}$/);
  });
});

describe('the state an approval is bound to', () => {
  const transactions = (how: (h: Harness) => void): unknown[] => {
    const seen: unknown[] = [];
    const h = new Harness({
      decide: (e) => {
        const content = e.content?.();
        if (e.action.kind === 'sql' && e.action.sql.effect === 'write' && !e.preparing) {
          seen.push(content?.kind === 'sql' ? content.transaction : content);
        }
        return ALLOW;
      },
    }).login();
    how(h);
    return seen;
  };

  it.each<[string, string, (h: Harness) => void]>([
    ['nothing before it', 'idle', (h) => h.client(query('DELETE FROM t'))],
    [
      'prepared in its own segment',
      'idle',
      (h) => h.client(parse('', 'DELETE FROM t'), bind('', ''), execute(), sync),
    ],
    [
      'BEGIN answered',
      'active',
      (h) =>
        h
          .client(query('BEGIN'))
          .server(complete('BEGIN'), ready('T'))
          .client(query('DELETE FROM t')),
    ],
    ['BEGIN on its way', 'active', (h) => h.client(query('BEGIN'), query('DELETE FROM t'))],
    [
      'BEGIN in the same segment',
      'active',
      (h) =>
        h.client(
          parse('', 'BEGIN'),
          bind('', ''),
          execute(),
          parse('', 'DELETE FROM t'),
          bind('', ''),
          execute(),
          sync,
        ),
    ],
  ])('%s: %s', (_name, expected, how) => {
    expect(transactions(how)).toEqual([expected]);
  });
});
