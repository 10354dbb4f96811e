// The HTTP service of the bench, a process of its own: what it takes is not the client's time. Prints its port.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const SMALL = JSON.stringify({ id: 1, name: 'small', note: 'x'.repeat(980) });
const RECORD = (id: number): string =>
  JSON.stringify({
    id,
    email: `person${id}@shop.example`,
    card: `4111 1111 1111 ${1000 + (id % 9000)}`,
    phone: `+49 30 ${100_000 + (id % 900_000)}`,
    note: id % 100 === 0 ? `write to me at me${id}@home.example` : 'asked for the parcel next door',
    city: 'Delft',
    total: id * 3.5,
  });
/** Some 64 KiB of records, sent again and again: making them must not be what is measured. */
const RECORDS = Array.from({ length: 340 }, (_, id) => RECORD(id)).join(',');
const BLOCK = Buffer.alloc(64 * 1024, 'postern ');

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://target');
  const bytes = Number(url.searchParams.get('mb') ?? '1') * 1_000_000;
  switch (url.pathname) {
    case '/json': {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('[');
      pour(response, Buffer.from(`${RECORDS},`), bytes, `${RECORD(0)}]`);
      return;
    }
    case '/bytes':
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      pour(response, BLOCK, bytes, '');
      return;
    default:
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(SMALL);
  }
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});

/** The block again and again, as fast as it is taken, until so many bytes are sent. */
function pour(response: ServerResponse, block: Buffer, bytes: number, last: string): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      left -= block.length;
      if (!response.write(block)) return void response.once('drain', more);
    }
    response.end(last);
  };
  more();
}
