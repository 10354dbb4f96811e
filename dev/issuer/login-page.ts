// The login page of the development issuers: one button per person, no password, and a banner that says so.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { developmentPage, escapeHtml } from './page.ts';
import { PEOPLE } from './people.ts';

/** Serves GET and POST <issuer>/login/<uid>, where oidc-provider sends a browser that must log in. */
export async function serveLogin(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'GET') {
    const { params, prompt } = await provider.interactionDetails(request, response);
    if (prompt.name === 'consent') {
      // A client may insist on being asked (offline_access does); everybody here always agrees.
      await provider.interactionFinished(
        request,
        response,
        { consent: {} },
        { mergeWithLastSubmission: true },
      );
      return;
    }
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
  return developmentPage(
    'Who are you?',
    `<p>Logging in to <code>${escapeHtml(client)}</code>.</p>\n<form method="post">\n${buttons}\n</form>`,
  );
}
