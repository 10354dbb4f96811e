// Pages with one thing to say: where to log in, what went wrong, what to do next.
import { html } from 'hono/html';
import type { Markup } from './layout.ts';
import { shown } from './shown-text.ts';

export interface Notice {
  readonly title: string;
  readonly text: string;
  /** Links of our own; label and path. */
  readonly links?: readonly { readonly label: string; readonly href: string }[];
}

export function noticePage({ title, text, links = [] }: Notice): Markup {
  return html`<h1>${title}</h1>
    <p class="lede">${shown(text)}</p>
    ${links.map(({ label, href }) => html`<a class="button" href="${href}">${shown(label)}</a>`)}`;
}
