// The login page of the development issuers: one button per person, no password, and a banner that says so.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { PEOPLE } from './people.ts';

/** Serves GET and POST <issuer>/login/<uid>, where oidc-provider sends a browser that must log in. */
export async function serveLogin(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'GET') {
    const { params } = await provider.interactionDetails(request, response);
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'referrer-policy': 'no-referrer',
    });
    response.end(page(String(params['client_id'])));
    return;
  }
  if (request.method !== 'POST') {
    response.writeHead(405, { allow: 'GET, POST' }).end();
    return;
  }
  const subject = new URLSearchParams(await readBody(request)).get('person');
  const person = PEOPLE.find((candidate) => candidate.subject === subject);
  if (person === undefined) {
    response.writeHead(400).end('There is no such person here.\n');
    return;
  }
  await provider.interactionFinished(request, response, { login: { accountId: person.subject } });
}

/** A form of one short field. */
const MAX_FORM_BYTES = 4096;

export async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > MAX_FORM_BYTES) throw new Error('the request body is too large');
  }
  return body;
}

function page(client: string): string {
  const buttons = PEOPLE.map(
    ({ subject, name, groups, role }) =>
      `<button name="person" value="${subject}"><b>${name}</b> ${role}<small>${groups.join(', ') || 'no groups'}</small></button>`,
  ).join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Development login</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
  .banner { background: #fff3c4; border: 1px solid #d9a400; padding: .6rem .9rem; border-radius: .4rem }
  button { display: block; width: 100%; text-align: left; font: inherit; padding: .7rem .9rem; margin: .5rem 0;
           background: #fff; border: 1px solid #bbb; border-radius: .4rem; cursor: pointer }
  button:hover, button:focus { border-color: #06c }
  small { display: block; color: #555 }
</style>
<p class="banner"><b>Development only.</b> This issuer asks for no password: you are whom you choose.</p>
<h1>Who are you?</h1>
<p>Logging in to <code>${escapeHtml(client)}</code>.</p>
<form method="post">
${buttons}
</form>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
