// An issuer of OAuth tokens that is told by its path how to behave: /oauth/{behaviour}/{name}. Tokens are numbered per name,
// so that a test sees which one was used; /oauth/count/{name} says how many were asked for.
import type { IncomingMessage, ServerResponse } from 'node:http';

const asked = new Map<string, number>();

export async function answerToken(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, , behaviour = '', name = ''] = (request.url ?? '').split('/');
  let form = '';
  for await (const chunk of request) form += String(chunk);
  const count = (asked.get(name) ?? 0) + 1;
  if (behaviour === 'count') return void response.end(String(count - 1));
  asked.set(name, count);
  const json = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const issued = { access_token: `token-${name}-${count}`, token_type: 'Bearer' };
  switch (behaviour) {
    case 'hour':
      return json(200, { ...issued, expires_in: 3600 });
    case 'minute': // over as soon as it is there, with the margin
      return json(200, { ...issued, expires_in: 60 });
    case 'unknown-end':
      return json(200, issued);
    case 'late':
      await new Promise((resolve) => setTimeout(resolve, 100));
      return json(200, { ...issued, expires_in: 3600 });
    case 'never':
      return;
    case 'refuse':
      return json(401, { error: 'invalid_client', error_description: `you sent ${form}` });
    case 'huge':
      return json(200, { ...issued, expires_in: 3600, padding: 'x'.repeat(4 * 1024 * 1024) });
    case 'endless':
      response.writeHead(200, { 'content-type': 'application/json' });
      for (let n = 0; n < 10_000 && !response.destroyed; n++) {
        response.write(' '.repeat(64));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return;
    case 'redirect':
      response.writeHead(307, { location: `/oauth/hour/${name}-elsewhere` }).end();
      return;
    case 'mac':
      return json(200, { ...issued, token_type: 'mac' });
    case 'split':
      return json(200, { ...issued, access_token: 'a\r\nX-Injected: yes' });
    default:
      response.writeHead(404).end();
  }
}
