// `npm run dev` and `npm run demo`: starts the stack, says where it is, and ends it when asked.
import { quietenChildren } from './environment.ts';
import { readOptions } from './options.ts';
import { bold, complain, dim, say } from './output.ts';
import { onSignals } from './shutdown.ts';
import { explore } from './tour/explore.ts';

const options = readOptions(process.argv.slice(2));
const shutdown = onSignals();
quietenChildren();
// Miniflare and wrangler read the environment when they are loaded, hence not before it is set.
const { startStack } = await import('./stack.ts');

const starting = startStack(options, {
  step: (what) => say(dim(`· ${what}`)),
  policy(applied, file) {
    switch (applied.kind) {
      case 'applied':
        return say(dim(`· policy revision ${applied.revision} is in force (${file})`));
      case 'unchanged':
        return say(dim(`· policy revision ${applied.revision} stays in force`));
      case 'invalid':
        return complain(`${applied.problems}\n(the active revision stays)`);
      default:
        return applied satisfies never;
    }
  },
});

const stack = await starting.catch(async (error: unknown): Promise<never> => {
  complain(error instanceof Error ? error.message : String(error));
  process.exit(1);
});

shutdown.claim();

say(
  `${bold('Postern is ready')}  gateway ${stack.gateway}  issuer ${stack.issuer}  state ${stack.state.dir}`,
);

if (options.tour !== null) {
  const { runTour } = await import('./tour/tour.ts');
  const interrupted = shutdown.requested.then(() => null);
  const held = await Promise.race([runTour(stack, options.tour), interrupted]);
  if (options.tour.exit) await shutdown.finish(() => stack.stop(), held === true ? 0 : 1);
  if (held !== null) explore(stack);
} else {
  explore(stack);
}
await shutdown.requested;
say('stopping');
await shutdown.finish(() => stack.stop(), 0);
