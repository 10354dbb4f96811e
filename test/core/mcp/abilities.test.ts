// What counts as declared: an object in its place, and nothing that only looks like one.
import { describe, expect, it } from 'vitest';
import {
  abilitiesOf,
  carriedAbilities,
  declaresUrl,
  NO_ABILITIES,
  TASKS_EXTENSION,
  urlSession,
} from '../../../core/mcp/abilities.ts';
import { resumedHandle, wasOpened } from '../../../core/mcp/elicitation.ts';

const HEX = '0123456789abcdef'.repeat(2);

describe('abilitiesOf', () => {
  it('finds what is declared', () => {
    const capabilities = { extensions: { [TASKS_EXTENSION]: {} }, elicitation: { url: {} } };
    expect(abilitiesOf(capabilities)).toEqual({ tasks: true, url: true });
    expect(abilitiesOf({ elicitation: { form: {}, url: {} } })).toEqual({
      tasks: false,
      url: true,
    });
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', 'elicitation'],
    ['an empty elicitation, which means forms', { elicitation: {} }],
    ['a list', { elicitation: { url: [] }, extensions: { [TASKS_EXTENSION]: [] } }],
    ['true', { elicitation: { url: true }, extensions: { [TASKS_EXTENSION]: true } }],
    ['null inside', { elicitation: { url: null }, extensions: null }],
    ['the tasks of 2025-11-25', { tasks: { list: {}, requests: { tools: { call: {} } } } }],
    ['what is inherited', Object.create({ elicitation: { url: {} } })],
  ])('takes %s for nothing', (_name, capabilities) => {
    expect(abilitiesOf(capabilities)).toEqual(NO_ABILITIES);
  });
});

describe('a session id', () => {
  const initialize = {
    method: 'initialize',
    params: { capabilities: { elicitation: { url: {} } } },
  };

  it('is for initialize in the revision that has links', () => {
    expect(declaresUrl(initialize, '2025-11-25')).toBe(true);
    for (const revision of ['2025-06-18', '2026-07-28', undefined]) {
      expect(declaresUrl(initialize, revision)).toBe(false);
    }
    expect(declaresUrl({ ...initialize, method: 'tools/call' }, '2025-11-25')).toBe(false);
  });

  it('says what it was given for, and never that tasks are taken', () => {
    expect(carriedAbilities(urlSession(HEX), '2025-11-25')).toEqual({ tasks: false, url: true });
  });

  it.each([
    [undefined, '2025-11-25'],
    ['', '2025-11-25'],
    [HEX, '2025-11-25'],
    [`${urlSession(HEX)}\n`, '2025-11-25'],
    [`x${urlSession(HEX)}`, '2025-11-25'],
    [urlSession(HEX), undefined],
    [urlSession(HEX), '2025-06-18'],
  ])('%j in revision %j says nothing', (session, revision) => {
    expect(carriedAbilities(session, revision)).toEqual(NO_ABILITIES);
  });
});

describe('what comes back with a call', () => {
  it.each([
    [HEX, HEX],
    [`${HEX}-1`, `${HEX}-1`],
    [`${HEX}-`, null],
    [`${HEX}\n`, null],
    [HEX.toUpperCase(), null],
    ['', null],
    [7, null],
    [null, null],
    [[HEX], null],
  ])('%j as a state is %j', (state, handle) => {
    expect(resumedHandle(state)).toBe(handle);
  });

  it.each<[unknown, boolean]>([
    [{ approval: { action: 'accept' } }, true],
    [{ approval: { action: 'decline' } }, false],
    [{ approval: { action: ['accept'] } }, false],
    [{ approval: 'accept' }, false],
    [{ other: { action: 'accept' } }, false],
    [Object.create({ approval: { action: 'accept' } }), false],
    [null, false],
    [undefined, false],
  ])('%j as answers: opened is %j', (responses, opened) => {
    expect(wasOpened(responses)).toBe(opened);
  });
});
