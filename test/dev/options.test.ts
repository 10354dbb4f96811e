// The command line of the stack: what it understands and what it turns away.
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { readOptions } from '../../dev/options.ts';

const here = (name: string): string => join(process.cwd(), name);

describe('readOptions', () => {
  it.each([
    [
      [],
      { port: 8787, state: here('.postern'), shop: true, tour: null, config: null, fresh: false },
    ],
    [['--no-demo'], { shop: false }],
    [['--port', '0'], { port: 0 }],
    [['--config', 'my/postern.yaml'], { config: here('my/postern.yaml'), shop: true }],
    [['--secrets', '/etc/s.env'], { secrets: '/etc/s.env' }],
    [['--state', '/tmp/x'], { state: '/tmp/x' }],
    [
      ['--tour'],
      { port: 0, state: here('.postern-demo'), fresh: true, tour: { exit: false, auto: false } },
    ],
    [['--tour', '--exit'], { tour: { exit: true, auto: false } }],
    [['--tour', '--auto', '--port', '9000'], { port: 9000, tour: { exit: false, auto: true } }],
    [['--tour', '--state', '/tmp/x'], { state: '/tmp/x', fresh: false }],
  ])('reads %j', (argv, expected) => {
    expect(readOptions(argv)).toMatchObject(expected);
  });

  it.each([
    [['--port', '65536']],
    [['--port', 'http']],
    [['--port', '-1']],
    [['--exit']],
    [['--auto']],
    [['--tour', '--no-demo']],
    [['--tour', '--config', 'x.yaml']],
    [['--colour']],
    [['postern.yaml']],
  ])('turns %j away', (argv) => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`exit ${code}`);
    });
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(() => readOptions(argv)).toThrow('exit 1');
      expect(stderr.mock.calls.join('')).toContain('error:');
    } finally {
      exit.mockRestore();
      stderr.mockRestore();
    }
  });
});
