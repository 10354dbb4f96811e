// Loopback ports. A port that served this state before is taken again when it is free, so that addresses written down
// yesterday (an issuer in a policy file, a client's settings) still hold today.
import { createServer } from 'node:net';
import { existsSync, readFileSync } from 'node:fs';
import { writeWhole } from './state.ts';
import type { State } from './state.ts';

/** A free port on 127.0.0.1: the first free one of `wanted` (0 is skipped), else any. */
export async function freePort(...wanted: readonly number[]): Promise<number> {
  for (const port of wanted) {
    if (port > 0 && (await listenOnce(port)) !== null) return port;
  }
  const port = await listenOnce(0);
  if (port === null) throw new Error('no free port on 127.0.0.1');
  return port;
}

/** The port if it could be listened on, null if it is taken. */
async function listenOnce(port: number): Promise<number | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : null),
      );
    });
  });
}

/** freePort that remembers its answer under `name` in the state folder. */
export async function keptPort(
  state: State,
  name: string,
  ...wanted: readonly number[]
): Promise<number> {
  const file = state.path('ports.json');
  const kept = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>)
    : {};
  const port = await freePort(...wanted, kept[name] ?? 0);
  writeWhole(file, `${JSON.stringify({ ...kept, [name]: port })}\n`);
  return port;
}
