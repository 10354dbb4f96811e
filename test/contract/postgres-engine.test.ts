// The Postgres engine under the contract of all engines.
import { createPostgresEngine } from '../../core/postgres/engine.ts';
import { LOGIN, decideByTable, options, word } from '../core/postgres/harness.ts';
import {
  V30,
  bind,
  bindComplete,
  closeComplete,
  closePortal,
  complete,
  copyData,
  copyDone,
  copyIn,
  copyOut,
  dataRow,
  describePortal,
  emptyQuery,
  error,
  execute,
  flush,
  frame,
  hex,
  i32,
  join,
  loginAnswer,
  noData,
  notice,
  parameter,
  parse,
  parseComplete,
  password,
  probeAnswer,
  query,
  ready,
  rowDescription,
  sslRequest,
  startup,
  suspended,
  sync,
  text,
} from '../core/postgres/wire.ts';
import { describeEngine, type Step } from './engine.ts';

/** The login's probe has the first word, the refusal of these conversations the second. */
const refused = (code: string) => error(code, `syntax error at or near "${word(2)}"`);
const hostileLengths = (tag: string, from: 'client' | 'server') =>
  ['00000000', '00000003', '80000000', 'ffffffff'].map(
    (length) =>
      [
        `a ${from}'s ${tag} of length 0x${length}`,
        'established',
        [from, join(text(tag), hex(length))] satisfies Step,
      ] as const,
  );

describeEngine({
  name: 'Postgres',
  create: () => createPostgresEngine(options()),
  login: LOGIN,
  decide: decideByTable,
  established: [
    ['client', join(sslRequest)],
    ['client', startup(V30, { user: 'agent', application_name: 'contract' })],
    ['client', password('token')],
    ['server', loginAnswer],
    ['server', probeAnswer('{pg_catalog,public}', 'I')],
  ],
  action: query('SELECT 1'),
  conversations: [
    [
      'simple queries, one refused, one failing, one empty',
      [
        [
          'client',
          join(query('SELECT 1'), query('SELECT 1 FROM secret'), query('SELECT fail'), query('')),
        ],
        [
          'server',
          join(rowDescription, dataRow('1'), dataRow('2'), complete('SELECT 2'), ready('I')),
        ],
        [
          'server',
          join(
            refused('42601'),
            ready('I'),
            error('22012', 'no'),
            ready('I'),
            emptyQuery,
            ready('I'),
          ),
        ],
      ],
    ],
    [
      'the extended protocol, with a suspended portal and a refused statement',
      [
        [
          'client',
          join(
            parse('s', 'SELECT 5'),
            bind('p', 's', ['x', null]),
            describePortal('p'),
            execute('p', 1),
            flush,
          ),
        ],
        ['server', join(parseComplete, bindComplete, rowDescription, dataRow('1'), suspended)],
        [
          'client',
          join(
            execute('p', 0),
            closePortal('p'),
            sync,
            parse('', 'INSERT INTO secret'),
            bind('', ''),
            execute(),
            sync,
          ),
        ],
        [
          'server',
          join(
            dataRow('2'),
            complete('SELECT 1'),
            closeComplete,
            ready('I'),
            refused('42601'),
            ready('I'),
          ),
        ],
      ],
    ],
    [
      'COPY both ways',
      [
        [
          'client',
          join(
            query('COPY t FROM STDIN'),
            copyData('1\n'),
            copyData('2\n'),
            copyDone,
            query('COPY t TO STDOUT'),
          ),
        ],
        ['server', copyIn],
        ['server', join(complete('COPY 2'), ready('I'))],
        ['server', join(copyOut, copyData('1\n'), copyDone, complete('COPY 1'), ready('I'))],
      ],
    ],
    [
      'a change of the search path, inside and outside of a segment',
      [
        ['client', join(query('SET search_path TO a'), query('SELECT 1 FROM t'))],
        ['server', join(complete('SET'), ready('I'))],
        ['server', probeAnswer('{pg_catalog,a}', 'I')],
        ['server', join(rowDescription, complete('SELECT 0'), ready('I'))],
        [
          'client',
          join(
            parse('', 'SET search_path TO b'),
            bind('', ''),
            execute(),
            parse('', 'SELECT 1 FROM t'),
            describePortal(''),
            sync,
          ),
        ],
        ['server', join(parseComplete, bindComplete, complete('SET'), probeAnswer('{b}', 'flush'))],
        ['server', join(parseComplete, noData, ready('I'))],
      ],
    ],
    [
      'what comes unasked',
      [
        [
          'server',
          join(
            notice('hello'),
            parameter('TimeZone', 'UTC'),
            frame('A', i32(7), text('chan\0payload\0')),
          ),
        ],
        ['client', join(copyData('stale'), copyDone, query('SELECT 1'))],
        [
          'server',
          join(
            notice('in between'),
            rowDescription,
            dataRow('1'),
            notice('again'),
            complete('SELECT 1'),
            ready('I'),
          ),
        ],
      ],
    ],
  ],
  hostile: [
    ['TLS', 'start', ['client', hex('16030100c8010000c40303')]],
    ['HTTP', 'start', ['client', text('GET / HTTP/1.1\r\n\r\n')]],
    ['a startup length of 0', 'start', ['client', hex('00000000 00030000')]],
    ['a startup length of 3', 'start', ['client', hex('00000003 00030000')]],
    ['a startup length of 2^31', 'start', ['client', hex('80000000 00030000')]],
    ['a startup length of 2^32 - 1', 'start', ['client', hex('ffffffff 00030000')]],
    ['garbage in a startup packet', 'start', ['client', hex('0000000c 00030000 ffffffff')]],
    ...hostileLengths('Q', 'client'),
    ...hostileLengths('d', 'client'),
    ...hostileLengths('S', 'client'),
    ...hostileLengths('D', 'server'),
    ...hostileLengths('E', 'server'),
    ...hostileLengths('Z', 'server'),
    ['an unknown message of the client', 'established', ['client', frame('!')]],
    ["a server's message from the client", 'established', ['client', frame('T')]],
    [
      'a password in the middle of the session',
      'established',
      ['client', join(flush, password('x'))],
    ],
    ['an unknown message of the server', 'established', ['server', frame('!')]],
    ['rows nobody asked for', 'established', ['server', dataRow('1')]],
    ['ReadyForQuery nobody asked for', 'established', ['server', ready('I')]],
    ['a second login', 'established', ['server', frame('R', i32(3))]],
    ['a second key', 'established', ['server', frame('K', i32(1), i32(2))]],
    ['COPY both ways', 'established', ['server', frame('W', hex('00 0000'))]],
    ["a function call's answer", 'established', ['server', frame('V', i32(-1))]],
    ['another version', 'established', ['server', frame('v', i32(V30), i32(0))]],
    [
      'a Query that goes on behind its text',
      'established',
      ['client', frame('Q', text('SELECT 1\0DROP TABLE t\0'))],
    ],
    ['a Query without its end', 'established', ['client', frame('Q', text('SELECT 1'))]],
  ],
});
