// The Postgres engine under the contract of all engines, with a decision that masks: rows, COPY data, errors and notices.
import type { Decision } from '../../core/decision.ts';
import type { Masking } from '../../core/masking/mask.ts';
import { createPostgresEngine } from '../../core/postgres/engine.ts';
import { ALLOW, LOGIN, options, word } from '../core/postgres/harness.ts';
import {
  CANARY,
  NO_ROWS,
  copyOf,
  copyOutOf,
  describedAs,
  maskingOf,
  rowsOf,
  stubMaskers,
} from '../core/postgres/stub-maskers.ts';
import {
  V30,
  bind,
  bindComplete,
  closeComplete,
  closePortal,
  complete,
  copyData,
  copyDone,
  dataRow,
  describePortal,
  error,
  execute,
  flush,
  join,
  loginAnswer,
  notice,
  parse,
  parseComplete,
  password,
  probeAnswer,
  query,
  ready,
  startup,
  suspended,
  sync,
  text,
} from '../core/postgres/wire.ts';
import { describeEngine } from './engine.ts';

const PLAN = rowsOf(['id', 'pass', '100.1'], ['email', 'mask', '100.2']);
const DESCRIBED = describedAs(['id', 100, 1, 23], ['email', 100, 2]);
const ROW = dataRow('7', CANARY);
const COPY = copyOf('text', ['id', 'pass', '100.1'], ['email', 'mask', '100.2']);
const LINE = copyData(`7\t${CANARY}\n`);

/** By the text's verbs: what its results are. */
function plan(verbs: readonly string[]): Masking {
  const results = verbs.map((verb) =>
    verb === 'SELECT' ? PLAN : verb === 'COPY' ? COPY : NO_ROWS,
  );
  return maskingOf(results, { hushed: true });
}

describeEngine({
  name: 'Postgres with masks',
  create: () => createPostgresEngine(options({ maskers: stubMaskers(), digestResults: true })),
  login: LOGIN,
  canary: text(CANARY),
  decide: ({ action, refusal }): Decision => {
    if (refusal !== null) return { ...refusal, revision: 5, observed: [] };
    if (action.kind !== 'sql') return ALLOW;
    return { ...ALLOW, masking: plan(action.sql.statements.map(({ verb }) => verb)) };
  },
  established: [
    ['client', startup(V30, { user: 'agent' })],
    ['client', password('token')],
    ['server', loginAnswer],
    ['server', probeAnswer('{pg_catalog,public}', 'I')],
  ],
  action: query('SELECT id, email FROM people'),
  conversations: [
    [
      'a simple query of several statements, with a notice',
      [
        [
          'client',
          query('SELECT id, email FROM people; INSERT INTO t; SELECT id, email FROM people'),
        ],
        [
          'server',
          join(
            join(DESCRIBED, ROW, notice(`row of ${CANARY}`), ROW, complete('SELECT 2')),
            join(complete('INSERT 0 1'), DESCRIBED, ROW, complete('SELECT 1'), ready('I')),
          ),
        ],
      ],
    ],
    [
      'a query that fails half-way, and one behind it',
      [
        [
          'client',
          join(query('SELECT id, email FROM people'), query('SELECT id, email FROM people')),
        ],
        [
          'server',
          join(
            join(DESCRIBED, ROW, error('22P02', `invalid input: "${CANARY}"`), ready('I')),
            join(DESCRIBED, ROW, complete('SELECT 1'), ready('I')),
          ),
        ],
      ],
    ],
    [
      'the extended protocol: a suspended portal, and two executes in a row',
      [
        [
          'client',
          join(
            parse('s', 'SELECT id, email FROM people'),
            bind('p', 's'),
            describePortal('p'),
            execute('p', 1),
            flush,
          ),
        ],
        ['server', join(parseComplete, bindComplete, DESCRIBED, DESCRIBED, ROW, suspended)],
        ['client', join(execute('p', 0), closePortal('p'), bind('', 's'), execute(), sync)],
        [
          'server',
          join(
            join(DESCRIBED, ROW, complete('SELECT 1'), closeComplete),
            join(bindComplete, DESCRIBED, ROW, ROW, complete('SELECT 2'), ready('I')),
          ),
        ],
      ],
    ],
    [
      'a refused statement between two that are masked',
      [
        [
          'client',
          join(
            query('SELECT id, email FROM people'),
            query('garbage'),
            query('SELECT id, email FROM people'),
          ),
        ],
        ['server', join(DESCRIBED, ROW, complete('SELECT 1'), ready('I'))],
        [
          'server',
          join(
            join(error('42601', `syntax error at or near "${word(2)}"`), ready('I')),
            join(DESCRIBED, ROW, complete('SELECT 1'), ready('I')),
          ),
        ],
      ],
    ],
    [
      'COPY to the client, whole and failing',
      [
        ['client', join(query('COPY people TO STDOUT'), query('COPY people TO STDOUT'))],
        [
          'server',
          join(
            join(copyOutOf(0, 2), LINE, LINE, copyDone, complete('COPY 2'), ready('I')),
            join(copyOutOf(0, 2), LINE, error('57014', CANARY), ready('I')),
          ),
        ],
      ],
    ],
    [
      'an error at the commit, and a notice of nobody',
      [
        ['client', join(parse('', 'INSERT INTO people'), bind('', ''), execute(), sync)],
        [
          'server',
          join(
            join(parseComplete, bindComplete, complete('INSERT 0 1')),
            join(error('23503', `Key (email)=(${CANARY})`), ready('I'), notice(CANARY)),
          ),
        ],
      ],
    ],
  ],
  hostile: [
    ['a row without its description', 'established', ['server', ROW]],
    ['a description nobody asked for', 'established', ['server', DESCRIBED]],
    ['COPY data nobody asked for', 'established', ['server', LINE]],
  ],
});
