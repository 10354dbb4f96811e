import { join } from 'node:path';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

// Two runtimes, one command: pure code and Node programs on Node, everything deployed inside workerd.
const workerd = cloudflareTest(async () => ({
  wrangler: { configPath: './wrangler.toml' },
  miniflare: { bindings: { TEST_MIGRATIONS: await readD1Migrations('./migrations') } },
}));

// Tests start hundreds of Node programs: each is compiled once, not every time (Node keeps stripped TypeScript there too).
process.env['NODE_COMPILE_CACHE'] ??= join(
  import.meta.dirname,
  'node_modules/.cache/postern-tests',
);

/** These start whole stacks: one after the other, with the other end-to-end tests. */
const STACK_TESTS = ['test/dev/{stack,tour}.test.ts'];

/** Where .ci/run wants the counts as JSON. */
const report = process.env['TEST_REPORT'];

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      {
        test: {
          name: 'core',
          include: ['test/{core,contract,cli,dev}/**/*.test.ts'],
          exclude: STACK_TESTS,
          environment: 'node',
        },
      },
      {
        plugins: [workerd],
        test: {
          name: 'workerd',
          include: ['test/{worker,adapters}/**/*.test.ts'],
          globalSetup: ['test/support/stand-ins-setup.ts'],
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', ...STACK_TESTS],
          environment: 'node',
          globalSetup: ['test/support/stack-setup.ts'],
          // After the others, and two files at a time: most of a stack's time is waiting, the rest would be in each other's way.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
