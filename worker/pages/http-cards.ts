// An HTTP request on an approval's page, whole: where it goes, as it is written and as it reads; every header that gives it
// its effect; the body to its last byte; and what the facts say of it. Nothing is cut: long boxes scroll in themselves.
import { html, raw } from 'hono/html';
import {
  byteCount,
  graphqlDocuments,
  hexDump,
  parameterPairs,
  readPath,
  shownBody,
  shownHeaders,
  type ShownBody,
  type ShownHeader,
} from '../../core/approval/http-message.ts';
import type { HttpContent } from '../../core/approval/request.ts';
import type { GraphqlFacts } from '../../core/facts.ts';
import { unreachable } from '../../core/failure.ts';
import type { Markup } from './layout.ts';
import { names, shown, shownBlock, type Shown } from './shown-text.ts';
import { scrolls } from './statement.ts';

/** Bytes in one line of a hex dump: what a phone is wide. */
const HEX_COLUMNS = 8;
const TALL_ENTRIES = 40;

export function httpAction(content: HttpContent): Markup {
  const body = shownBody(content, content.facts.contentType);
  return html`${address(content, body)} ${graphqlCard(content)} ${bodyCard(content, body)}
  ${headersCard(content)}`;
}

/** Every text in which something could hide, as it reads. */
export function httpTexts(content: HttpContent): readonly string[] {
  const { path, headers, body, facts } = content;
  return [
    readPath(path) ?? path,
    ...parameterPairs(facts.query).flat(),
    ...parameterPairs(facts.form).flat(),
    ...shownHeaders(headers).effective.flatMap(({ name, value }) => [name, value ?? '']),
    ...(body !== null && 'text' in body ? [body.text] : []),
  ];
}

function address({ method, path, query, webSocket, facts }: HttpContent, body: ShownBody): Markup {
  const read = readPath(path);
  const parameters = parameterPairs(facts.query);
  return html`<section class="card">
    <h2>${webSocket ? 'Where a connection is opened' : 'Where it goes'}</h2>
    <p class="mono address">
      <b>${shown(method)}</b>
      <span class="soft">${shown(facts.host)}</span
      >${shown(path)}${query === null ? '' : html`<span class="soft">?</span>${shown(query)}`}
    </p>
    ${read === null || read === path ? '' : html`<p class="small"><span class="soft">The path reads</span> <span class="mono">${shown(read)}</span></p>`}
    ${
      parameters.length === 0
        ? ''
        : html`<h2 class="next">The query, as it reads</h2>
            ${pairs(parameters)}`
    }
    ${body.kind === 'none' && !webSocket ? html`<p class="soft small">Without a body.</p>` : ''}
  </section>`;
}

function pairs(list: readonly (readonly [string, string])[]): Markup {
  return within(
    list.length,
    html`<dl>
      ${list.map(
        ([name, value]) =>
          html`<dt class="mono">${shown(name)}</dt>
            <dd class="mono">${pairValue(value)}</dd>`,
      )}
    </dl>`,
  );
}

function pairValue(value: string): Markup | Shown {
  if (value === '') return html`<span class="null">empty</span>`;
  return value.includes('\n') || scrolls(value) ? text(value) : shown(value);
}

/** A long list scrolls in itself, so that the decision stays within reach. */
function within(entries: number, list: Markup): Markup {
  if (entries <= TALL_ENTRIES) return list;
  return html`<p class="soft small">${entries} of them; scroll in the box.</p>
    <div class="tall" tabindex="0">${list}</div>`;
}

function graphqlCard({ facts }: HttpContent): Markup | string {
  const { graphql } = facts;
  if (graphql === null) return '';
  const documents = graphqlDocuments(facts);
  return html`<section class="card">
    <h2>What GraphQL runs</h2>
    <dl>
      <dt>${graphql.operation}</dt>
      <dd>
        ${graphql.roots.length === 0 ? 'nothing' : within(graphql.roots.length, names(graphql.roots))}
      </dd>
      ${
        graphql.name === ''
          ? ''
          : html`<dt>Calls itself</dt>
              <dd class="mono">${shown(graphql.name)}</dd>`
      }
    </dl>
    ${documents.map((document) => text(document))} ${fieldPaths(graphql)}
  </section>`;
}

function fieldPaths({ fields }: GraphqlFacts): Markup | string {
  if (fields.length === 0) return '';
  return html`<details>
    <summary>${fields.length} ${fields.length === 1 ? 'field' : 'fields'}, aliases undone</summary>
    ${names(fields)}
  </details>`;
}

function bodyCard({ facts }: HttpContent, body: ShownBody): Markup | string {
  const type = facts.contentType === '' ? 'of no certain type' : facts.contentType;
  switch (body.kind) {
    case 'none':
      return '';
    case 'missing':
      return html`<section class="card">
        <h2>Body</h2>
        <p class="note bad">There is one, and it cannot be shown. Nobody can know what is in it.</p>
      </section>`;
    case 'text': {
      const form = parameterPairs(facts.form);
      return html`<section class="card">
        <h2>Body · ${byteCount(body.bytes)}, ${shown(type)}</h2>
        ${form.length > 0 ? pairs(form) : text(body.laidOut ?? body.raw)}
        ${form.length > 0 || (body.laidOut ?? body.raw) !== body.raw ? asSent(body.raw) : ''}
      </section>`;
    }
    case 'binary': {
      const dump = hexDump(body.content, HEX_COLUMNS);
      return html`<section class="card">
        <h2>Body · ${byteCount(body.bytes)}, ${shown(type)}, not text</h2>
        ${box(dump, scrolls(dump), 'sql hex')} ${scrolls(dump) ? SCROLL : ''}
      </section>`;
    }
    default:
      return unreachable(body);
  }
}

/** What stands above it is the same, laid out or decoded. */
function asSent(sent: string): Markup {
  return html`<details>
    <summary>As it is sent, to the letter</summary>
    ${text(sent)}
  </details>`;
}

const SCROLL = html`<p class="soft small">Scroll in the box: all of it is there.</p>`;

function text(content: string): Markup {
  const tall = scrolls(content);
  return html`${box(content, tall, 'sql')} ${tall ? SCROLL : ''}`;
}

function box(content: string, tall: boolean, classes: string): Shown {
  // HTML drops a line break right after <pre>: this one, not the text's.
  return raw(
    `<pre class="${classes}${tall ? ' long" tabindex="0' : ''}">\n${shownBlock(content)}</pre>`,
  );
}

function headersCard({ headers }: HttpContent): Markup | string {
  const { effective, other } = shownHeaders(headers);
  if (effective.length === 0 && other.length === 0) return '';
  return html`<section class="card">
    <h2>Headers</h2>
    ${effective.length === 0 ? html`<p class="soft small">None that change what it does.</p>` : headerList(effective)}
    ${
      other.length === 0
        ? ''
        : html`<details>
            <summary>${other.length} more that change nothing; a retry may send others</summary>
            ${headerList(other)}
          </details>`
    }
    <p class="soft small">The gateway adds the target’s credential.</p>
  </section>`;
}

function headerList(list: readonly ShownHeader[]): Markup {
  return within(
    list.length,
    html`<dl>
      ${list.map(
        ({ name, value, length }) =>
          html`<dt class="mono">${shown(name)}</dt>
            <dd class="mono">
              ${value === null ? html`<span class="null">${length} characters, not shown: it may be a key</span>` : pairValue(value)}
            </dd>`,
      )}
    </dl>`,
  );
}
