// Models as they are asked: what Presidio's API and a model of Workers AI get and answer, and that everything which is not a
// clean answer is none.
import { env } from 'cloudflare:workers';
import { describe, expect, inject, it } from 'vitest';
import { analyze, canAnalyze } from '../../adapters/analyzer.ts';
import { inText, piecesOf, questionsOf } from '../../adapters/analyzer-pieces.ts';
import type { Env } from '../../adapters/env.ts';
import type { AnalyzedText, ModelEntity, ModelUse } from '../../core/masking/detect/model.ts';
import type { PolicyModel } from '../../core/policy/model.ts';
import type { Behaviour, ReceivedQuestion } from '../support/presidio-stand-in.ts';

const SECRETS = { ANALYZER_TOKEN: 'analyzer-token', ANALYZER_ACCESS: 'service:hush' };

function gateway(more: Record<string, unknown> = {}): Env {
  return { ...env, ...SECRETS, ...more } as unknown as Env;
}

let places = 0;

function presidio(behaviour: Behaviour, more: Partial<PolicyModel> = {}) {
  places += 1;
  const url = `${inject('presidio')}/${behaviour}/p${places}`;
  const model = {
    id: 'pii',
    kind: 'presidio',
    url,
    access: null,
    token: null,
    language: 'en',
    threshold: 0.5,
    ...more,
  } as PolicyModel;
  return {
    models: new Map([[model.id, model]]),
    received: async () => (await (await fetch(`${url}/received`)).json()) as ReceivedQuestion[],
  };
}

const use = (...entities: ModelEntity[]): ModelUse[] => [{ model: 'pii', entities }];
const note = (text: string, context = 'note'): AnalyzedText => ({ text, context });

/** The found parts, by text. */
function shown(texts: readonly AnalyzedText[], findings: Awaited<ReturnType<typeof analyze>>) {
  return findings?.map((list, at) =>
    list.map(({ entity, start, end }) => `${entity}: ${texts[at]?.text.slice(start, end)}`),
  );
}

describe('a Presidio analyzer', () => {
  it('finds in every text, with offsets that are ours', async () => {
    const texts = [
      note('Ada Lovelace wrote to Initech'),
      note('nobody'),
      // Python counts what is two code units here as one character.
      note('🦊🦊 met Zoë Ångström and 𝕎illa 🦊 Fox at 12 Foundry Lane 🦊'),
    ];
    const { models } = presidio('well');
    const findings = await analyze(
      gateway(),
      models,
      use('person', 'address', 'organization', 'date_of_birth'),
      texts,
    );
    expect(shown(texts, findings)).toEqual([
      ['person: Ada Lovelace', 'organization: Initech'],
      [],
      ['person: Zoë Ångström', 'person: 𝕎illa 🦊 Fox', 'address: 12 Foundry Lane'],
    ]);
  });

  it('is asked for what was wanted, with the words of the column, a question for each', async () => {
    const { models, received } = presidio('well', { threshold: 0.7 } as Partial<PolicyModel>);
    await analyze(gateway(), models, use('person', 'address'), [
      note('one', 'callNote'),
      note('two', 'callNote'),
      note('half \ud83d of a pair', 'birth_place'),
    ]);
    const bodies = (await received()).map(({ body }) => body);
    expect(bodies).toHaveLength(2);
    expect(bodies).toContainEqual({
      text: ['one', 'two'],
      language: 'en',
      entities: ['PERSON', 'LOCATION'],
      score_threshold: 0.7,
      context: ['call', 'note'],
    });
    expect(bodies).toContainEqual(
      expect.objectContaining({ text: ['half \ufffd of a pair'], context: ['birth', 'place'] }),
    );
  });

  it('gets its secrets, and nobody else does', async () => {
    const texts = [note('Ada Lovelace')];
    const guarded = { token: 'ANALYZER_TOKEN', access: 'ANALYZER_ACCESS' } as Partial<PolicyModel>;
    const { models } = presidio('guarded', guarded);
    expect(shown(texts, await analyze(gateway(), models, use('person'), texts))).toEqual([
      ['person: Ada Lovelace'],
    ]);
    expect(await analyze(gateway(), presidio('guarded').models, use('person'), texts)).toBeNull();
    for (const wrong of [undefined, '', 'no colon']) {
      const other = gateway({ ANALYZER_ACCESS: wrong });
      expect(await analyze(other, models, use('person'), texts)).toBeNull();
    }
  });

  it.each<Behaviour>([
    'failing',
    'garbage',
    'shapeless',
    'short',
    'far',
    'negative',
    'reversed',
    'fractional',
    'endless',
    'redirecting',
    'cut',
    'unable',
  ])('is not believed when it is %s', async (behaviour) => {
    const texts = [note('it was Ada Lovelace'), note('nobody')];
    expect(await analyze(gateway(), presidio(behaviour).models, use('person'), texts)).toBeNull();
  });

  it('is not waited for longer than agreed', async () => {
    const { models } = presidio('silent');
    const begun = Date.now();
    expect(await analyze(gateway(), models, use('person'), [note('Ada')], 300)).toBeNull();
    expect(Date.now() - begun).toBeLessThan(3000);
    // It is there: others may ask it.
    expect(canAnalyze(gateway(), models, ['pii'], Date.now())).toBe(true);
  });

  it('is left alone for a while after it could not be reached', async () => {
    const { models } = presidio('well', { url: 'http://127.0.0.1:9' } as Partial<PolicyModel>);
    const gate = gateway();
    expect(canAnalyze(gate, models, ['pii'], Date.now())).toBe(true);
    expect(await analyze(gate, models, use('person'), [note('Ada')])).toBeNull();
    expect(canAnalyze(gate, models, ['pii'], Date.now())).toBe(false);
    expect(canAnalyze(gate, models, ['pii'], Date.now() + 6000)).toBe(true);
  });

  it('cannot be asked for a language that it does not speak', async () => {
    const { models } = presidio('well', { language: 'de' } as Partial<PolicyModel>);
    expect(await analyze(gateway(), models, use('person'), [note('Ada')])).toBeNull();
  });

  it('reads long texts in pieces, and misses nothing at their borders', async () => {
    const { models, received } = presidio('well');
    for (const before of [8180, 8186, 8191, 16_000, 16_120]) {
      const text = `${'.'.repeat(before)}Quillon Ybarrez${'.'.repeat(9000)}`;
      const [list = []] = (await analyze(gateway(), models, use('person'), [note(text)])) ?? [];
      expect(list.length).toBeGreaterThan(0);
      for (const { start, end } of list) expect(text.slice(start, end)).toBe('Quillon Ybarrez');
    }
    for (const { body } of await received()) {
      const texts = body['text'] as string[];
      expect(texts.length).toBeLessThanOrEqual(64);
      expect(texts.join('').length).toBeLessThanOrEqual(64 * 1024);
    }
  });

  it('is not asked about more than it could answer in time', async () => {
    const { models, received } = presidio('well');
    const texts = Array.from({ length: 4097 }, (_, at) => note(`note ${at}`));
    expect(await analyze(gateway(), models, use('person'), texts)).toBeNull();
    expect(await received()).toEqual([]);
  });
});

describe('several models', () => {
  it('are all asked, and what any finds counts', async () => {
    const one = presidio('well');
    const both = new Map([
      ...one.models,
      ['ai', { id: 'ai', kind: 'workersAi', binding: 'AI', model: '@cf/x' } as PolicyModel],
    ]);
    const answer = { findings: [{ text: 0, entity: 'organization', value: 'Globex' }] };
    const gate = gateway({ AI: { run: async () => ({ response: answer }) } });
    const texts = [note('Ada Lovelace of Globex')];
    const uses: ModelUse[] = [...use('person'), { model: 'ai', entities: ['organization'] }];
    expect(shown(texts, await analyze(gate, both, uses, texts))).toEqual([
      ['person: Ada Lovelace', 'organization: Globex'],
    ]);
    // One that is not there is not made up for by the other.
    expect(await analyze(gateway(), both, uses, texts)).toBeNull();
    expect(await analyze(gate, one.models, uses, texts)).toBeNull();
    expect(canAnalyze(gate, both, ['pii', 'ai'], Date.now())).toBe(true);
    expect(canAnalyze(gateway(), both, ['pii', 'ai'], Date.now())).toBe(false);
    expect(canAnalyze(gate, one.models, ['pii', 'ai'], Date.now())).toBe(false);
  });

  it('are needed: nobody to ask is no answer', async () => {
    expect(await analyze(gateway(), new Map(), [], [note('Ada')])).toBeNull();
  });
});

describe('a model of Workers AI', () => {
  const MODEL: PolicyModel = { id: 'pii', kind: 'workersAi', binding: 'AI', model: '@cf/meta/x' };
  const models = new Map([['pii', MODEL]]);
  const texts = [note('Bo and Bo met Ada'), note('nobody')];

  function answering(answer: unknown, seen: unknown[] = []): Env {
    const run = async (...asked: unknown[]) => {
      seen.push(asked);
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return gateway({ AI: { run } });
  }

  it.each([
    ['an object', (answer: unknown) => ({ response: answer })],
    ['its text', (answer: unknown) => ({ response: JSON.stringify(answer) })],
    [
      'a choice',
      (answer: unknown) => ({ choices: [{ message: { content: JSON.stringify(answer) } }] }),
    ],
  ])('names what it finds, in %s, and every place of it counts', async (_name, wrap) => {
    const findings = [
      { text: 0, entity: 'person', value: 'Bo' },
      { text: 0, entity: 'person', value: ' Ada ' },
    ];
    const seen: unknown[] = [];
    const found = await analyze(answering(wrap({ findings }), seen), models, use('person'), texts);
    expect(found).toEqual([
      [
        { entity: 'person', start: 0, end: 2 },
        { entity: 'person', start: 7, end: 9 },
        { entity: 'person', start: 14, end: 17 },
      ],
      [],
    ]);
    expect(seen).toEqual([
      [
        '@cf/meta/x',
        expect.objectContaining({
          temperature: 0,
          response_format: expect.objectContaining({ type: 'json_schema' }) as unknown,
        }),
      ],
    ]);
  });

  it.each<[string, unknown]>([
    ['a name that does not stand there', [{ text: 0, entity: 'person', value: 'Eve' }]],
    ['an empty name', [{ text: 0, entity: 'person', value: ' ' }]],
    ['a text that was not asked about', [{ text: 2, entity: 'person', value: 'Bo' }]],
    ['a negative text', [{ text: -1, entity: 'person', value: 'Bo' }]],
    ['an entity that was not asked for', [{ text: 0, entity: 'location', value: 'Bo' }]],
    ['a finding that is none', ['Bo']],
    ['no list', { person: 'Bo' }],
  ])('is not believed with %s', async (_name, findings) => {
    const gate = answering({ response: { findings } });
    expect(await analyze(gate, models, use('person'), texts)).toBeNull();
  });

  it.each<[string, unknown]>([
    ['prose', { response: 'There is nobody in these texts.' }],
    ['half of an answer', { response: '{"findings":[{"text":0,' }],
    ['nothing', null],
    ['an error', new Error("JSON Mode couldn't be met")],
  ])('is not believed when it answers %s', async (_name, answer) => {
    expect(await analyze(answering(answer), models, use('person'), texts)).toBeNull();
  });

  it('is not there without its binding', async () => {
    for (const AI of [undefined, 'a string', {}]) {
      expect(await analyze(gateway({ AI }), models, use('person'), texts)).toBeNull();
      expect(canAnalyze(gateway({ AI }), models, ['pii'], Date.now())).toBe(false);
    }
  });
});

describe('pieces', () => {
  it('cover their text, overlap, and split no character', () => {
    const text = '🦊'.repeat(3000);
    const pieces = piecesOf([note(text)], 1001);
    let covered = 0;
    for (const piece of pieces) {
      expect(piece.text.isWellFormed()).toBe(true);
      expect(piece.text.length).toBeLessThanOrEqual(1001);
      expect(piece.at).toBeLessThanOrEqual(covered);
      expect(text.slice(piece.at, piece.at + piece.text.length)).toBe(piece.text);
      const found = inText(piece, { entity: 'person', start: 0, end: 2 });
      expect(found).toMatchObject({ start: piece.at, end: piece.at + 2 });
      covered = piece.at + piece.text.length;
    }
    expect(covered).toBe(text.length);
  });

  it('make questions of one context and a bounded size', () => {
    const texts = Array.from({ length: 50 }, (_, at) => note('x'.repeat(100), `c${at % 2}`));
    const questions = questionsOf(piecesOf(texts, 1000), { texts: 8, length: 500 });
    expect(questions.flat()).toHaveLength(50);
    for (const question of questions) {
      expect(new Set(question.map(({ context }) => context)).size).toBe(1);
      expect(question.length).toBeLessThanOrEqual(5);
    }
  });
});
