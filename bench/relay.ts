// A TCP relay in front of the database that tells when bytes arrive there: the last thing a gateway does with a statement,
// seen from outside.
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** Resolves with performance.now() of the next chunk for the database that holds this text. */
  arrival(text: string): Promise<number>;
  close(): Promise<void>;
}

interface Watch {
  readonly text: string;
  readonly arrived: (at: number) => void;
}

/** `text` must come in one chunk: short statements do. */
export async function startRelay(databasePort: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let watches: Watch[] = [];
  const server = createServer((client) => {
    const database = connect({ host: '127.0.0.1', port: databasePort, noDelay: true });
    client.setNoDelay();
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk) => {
      const at = performance.now();
      database.write(chunk);
      watches = watches.filter(({ text, arrived }) => {
        if (!chunk.includes(text)) return true;
        arrived(at);
        return false;
      });
    });
    database.on('data', (chunk) => void client.write(chunk));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    arrival: (text) =>
      new Promise((arrived) => {
        watches.push({ text, arrived });
      }),
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
