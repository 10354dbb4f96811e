import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { APPROVE_ACTION, offersButtons, slackMessage } from '../../../adapters/slack-message.ts';
import type { ApprovalRequest } from '../../../core/approval/request.ts';
import {
  approvalEvent,
  approvalRequest,
  CONNECT,
  DEMAND,
  FACTS,
  SQL,
} from '../../support/approval-event.ts';
import { blockProblems, markup } from '../../support/slack-blocks.ts';

type Change = Parameters<typeof approvalEvent>[0];

const LINK = '<https://gate.example/approvals/apr_1|Open the request>';

/** All text of a message, in order. */
function textOf(change: Change): string {
  const found: string[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === 'object' && value !== null) {
      if ('text' in value && typeof value.text === 'string') found.push(value.text);
      Object.values(value).forEach(walk);
    }
  };
  walk(slackMessage(approvalEvent(change)).blocks);
  return found.join('\n');
}

function actionIds(change: Change): string[] {
  return slackMessage(approvalEvent(change)).blocks.flatMap((block) =>
    block.type === 'actions' ? block.elements.map((element) => element.action_id ?? '') : [],
  );
}

function withText(text: string): Partial<ApprovalRequest> {
  return { content: { ...SQL, text } };
}

describe('the message of a request', () => {
  it('begins with the link', () => {
    const [first] = slackMessage(approvalEvent()).blocks;
    expect(JSON.stringify(first)).toContain(`*${LINK}*`);
  });

  it.each([
    ['who asks', '`ci:repo:acme/shop` (workload)'],
    ['their groups', '`agents`'],
    ['the target', '`shop-db` (postgres)'],
    ['verb and effect', 'DELETE (write)'],
    ['what is written', '*Writes*\n`public.orders`'],
    ['what is read', '*Reads*\n`public.orders`'],
    ['the estimate', 'about 12,345 rows'],
    ['rule, quorum, message and bound', 'rule writes-need-a-human, 1 of dba: Say which ticket'],
    ['the whole statement as code', "```\nDELETE FROM orders WHERE status = 'stale'\n```"],
    ['the state that gives it meaning', 'search path public, pg_catalog · outside a transaction'],
    [
      'when it closes, in the reader’s time',
      '<!date^1795529700^{date_short_pretty} at {time_secs}|',
    ],
  ])('says %s', (_what, text) => {
    expect(textOf({})).toContain(text);
  });

  it('calls a claimed purpose claimed', () => {
    const text = textOf({ request: { claimed: 'cleaning up `*urgent*` <!here>' } });
    expect(text).toContain(
      '*Says it is (claimed, not verified)*\n`cleaning up ⟦U+0060⟧*urgent*⟦U+0060⟧ &lt;!here&gt;`',
    );
  });

  it('says for how long a session is asked', () => {
    const text = textOf({ request: { content: CONNECT, facts: null } });
    expect(text).toContain('open a session (postgres)');
    expect(text).toContain('*For*\n60 min');
  });

  it('keeps claims, and the fallback text short', () => {
    const message = slackMessage(
      approvalEvent({ request: { facts: { ...FACTS, tables: Array(9).fill('x'.repeat(900)) } } }),
    );
    expect(JSON.stringify(message)).not.toContain('claim-canary');
    expect(message.text.length).toBeLessThanOrEqual(1_000);
  });
});

describe('a statement stands here whole or not at all', () => {
  const fits = (text: string): boolean => textOf({ request: withText(text) }).includes('```');

  it.each([
    ['2,500 characters', 'x'.repeat(2_500), true],
    ['2,501 characters', 'x'.repeat(2_501), false],
    ['characters that grow over the limit when escaped', '&'.repeat(700), false],
    ['characters that grow over the limit when made visible', '\u200b'.repeat(400), false],
    ['50 lines', 'x\n'.repeat(49), true],
    ['its end under a screen of empty lines', `SELECT 1;${'\n'.repeat(50)}DROP TABLE t`, false],
    ['its end behind a blank', `SELECT 1;${' '.repeat(60)}DROP TABLE t`, false],
    ['a blank as indentation is', `SELECT 1\n${' '.repeat(40)}, 2`, true],
    ['a fence that would end the code early', "SELECT '```'", false],
    ['a fence in invisible pieces', "SELECT '`\u200b`\u200b`'", true],
  ])('%s', (_name, text, whole) => {
    expect(fits(text)).toBe(whole);
  });

  it('says how long it is and where to read it', () => {
    const text = textOf({ request: withText(`SELECT '${'🚀'.repeat(5_000)}'`) });
    expect(text).toContain('The statement is 5,009 characters long: read it on the page.');
    expect(text).not.toContain('🚀');
    expect(text).toContain(LINK);
  });

  it('shows parameters with it, and leaves both out together', () => {
    const content = {
      ...SQL,
      text: 'DELETE FROM t WHERE id = $1',
      binds: ['4711'],
      bindTypes: [23],
    };
    expect(textOf({ request: { content } })).toContain("```\n$1 = '4711' (type 23)\n```");
    const long = { ...content, binds: ['x'.repeat(3_000)] };
    expect(textOf({ request: { content: long } })).toContain(
      'The statement is 27 characters long, with 1 parameters: read it on the page.',
    );
  });

  it('shows what an EXECUTE stands for', () => {
    const stands = [{ kind: 'prepared', name: 'wipe', text: 'DELETE FROM t' }] as const;
    const text = textOf({ request: { content: { ...SQL, text: 'EXECUTE wipe', stands } } });
    expect(text).toContain('```\n-- prepared wipe\nDELETE FROM t\n```');
  });

  it('makes what is invisible visible', () => {
    expect(textOf({ request: withText('DROP \u202eelbat') })).toContain('DROP ⟦U+202E⟧elbat');
  });
});

describe('buttons', () => {
  it('stand under a request that every rule opts in for, and carry round and digest', () => {
    expect(actionIds({})).toEqual([APPROVE_ACTION, 'postern_deny']);
    const json = JSON.stringify(slackMessage(approvalEvent()).blocks);
    expect(json).toContain(
      JSON.stringify(JSON.stringify({ approval: 'apr_1', digest: 'd1'.repeat(32) })).slice(1, -1),
    );
  });

  const many = Array.from({ length: 6 }, (_, n) => ({
    kind: 'prepared' as const,
    name: `p${n}`,
    text: 'DELETE FROM t',
  }));
  it.each<[string, Partial<ApprovalRequest>]>([
    ['no rule opts in', { demands: [{ ...DEMAND, slackButtons: false }] }],
    ['one of two rules does not', { demands: [DEMAND, { ...DEMAND, slackButtons: false }] }],
    ['no rule asks', { demands: [] }],
    ['the statement is too long', withText('x'.repeat(2_501))],
    ['the statement holds a fence', withText("SELECT '```'")],
    ['a parameter is too long', { content: { ...SQL, binds: ['x'.repeat(2_500)] } }],
    ['there are too many parts', { content: { ...SQL, stands: many } }],
    ['a setting is too long', { content: { ...SQL, settings: { a: 'x'.repeat(3_000) } } }],
    ['nothing is known of the statement', { facts: null }],
    ['the tables do not fit', { facts: { ...FACTS, writes: Array(50).fill('public.long_name') } }],
    [
      'the rules do not fit',
      { demands: Array.from({ length: 40 }, () => ({ ...DEMAND, message: 'x'.repeat(300) })) },
    ],
    ['the purpose does not fit', { claimed: 'x'.repeat(700) }],
  ])('are missing when %s', (_name, request) => {
    expect(offersButtons(approvalRequest(request))).toBe(false);
    expect(actionIds({ request })).toEqual([]);
    expect(textOf({ request })).toContain(`Approve or deny on the page: ${LINK}.`);
  });

  it.each(['approved', 'denied', 'expired', 'cancelled', 'consumed'] as const)(
    'are gone once it is %s',
    (state) => {
      expect(actionIds({ approval: { state } })).toEqual([]);
      expect(textOf({ approval: { state } })).not.toContain('on the page');
    },
  );
});

describe('nothing from outside becomes markup', () => {
  const hostile =
    '<!here> <!channel> <@U1|x> <#C1> <https://evil.example|ok> &lt;!here&gt; @here :x:';
  const everywhere: Change = {
    approval: {
      state: 'denied',
      reason: hostile,
      decidedBy: [hostile],
      votes: [{ by: hostile, vote: 'deny', reason: hostile, atMs: 1 }],
    },
    request: {
      principal: { ...approvalRequest().principal, id: hostile, groups: [hostile] },
      target: { id: hostile, kind: 'postgres', labels: {} },
      content: { ...SQL, text: hostile, binds: [hostile], role: hostile, database: hostile },
      facts: { ...FACTS, verbs: [hostile], writes: [hostile], reads: [hostile], opaque: [hostile] },
      demands: [{ ...DEMAND, rule: hostile, message: hostile, by: [hostile] }],
      claimed: hostile,
    },
  };

  it('no link, no mention, in no place', () => {
    const message = slackMessage(approvalEvent(everywhere));
    expect(blockProblems(message.blocks)).toEqual([]);
    expect(new Set(markup(message.blocks))).toEqual(new Set([LINK]));
    expect(message.text).not.toMatch(/[<>]/);
    expect(JSON.stringify(message.blocks)).toContain('&amp;lt;!here&amp;gt;');
  });

  it('not even from the address of the page', () => {
    const url = 'https://gate.example/approvals/a|b>c<d"';
    const message = slackMessage(approvalEvent({ approval: { url } }));
    expect(new Set(markup(message.blocks).filter((part) => part.includes('gate')))).toEqual(
      new Set(['<https://gate.example/approvals/a%7Cb%3Ec%3Cd%22|Open the request>']),
    );
  });

  it('is verbatim everywhere, so that Slack finds no @name by itself', () => {
    const json = JSON.stringify(slackMessage(approvalEvent(everywhere)).blocks);
    const objects = json.match(/"type":"mrkdwn"/g)?.length;
    expect(json.match(/"verbatim":true/g)?.length).toBe(objects);
  });

  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constant(hostile));
  const long = fc.oneof(text, fc.string({ minLength: 2_000, maxLength: 4_000 }));
  const event = fc.record({
    id: text,
    sql: long,
    bind: fc.option(long),
    names: fc.array(text, { maxLength: 40 }),
    claimed: long,
    message: long,
    reason: long,
    votes: fc.nat(200),
    state: fc.constantFrom('pending', 'approved', 'denied', 'cancelled' as const),
    seconds: fc.option(fc.nat()),
    connect: fc.boolean(),
  });

  it('Slack takes whatever comes, and buttons stand under whole statements only', () => {
    fc.assert(
      fc.property(event, (e) => {
        const given = approvalEvent({
          approval: {
            state: e.state,
            reason: e.reason,
            decidedBy: e.names,
            votes: Array.from({ length: e.votes }, () => ({
              by: e.id,
              vote: 'approve' as const,
              reason: e.reason,
              atMs: 1,
            })),
          },
          request: {
            principal: { ...approvalRequest().principal, id: e.id, groups: e.names },
            content: e.connect
              ? { kind: 'connect', protocol: e.id, seconds: e.seconds }
              : { ...SQL, text: e.sql, binds: [e.bind], role: e.id },
            facts: e.connect ? null : { ...FACTS, writes: e.names, opaque: e.names },
            demands: [{ ...DEMAND, message: e.message }],
            claimed: e.claimed,
          },
        });
        const message = slackMessage(given);
        expect(blockProblems(message.blocks)).toEqual([]);
        expect(message.text).not.toBe('');
        for (const part of markup(message.blocks))
          expect(part).toMatch(/^<(?:https:\/\/gate\.example|!date\^)/);
        const json = JSON.stringify(message.blocks);
        if (!e.connect && json.includes(APPROVE_ACTION)) expect(json).toContain('```');
      }),
      // Shrinking texts of this size takes minutes.
      { numRuns: 150, endOnFailure: true },
    );
  }, 30_000);
});
