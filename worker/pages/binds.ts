// A statement's parameters on a page: each whole, with its type, and with NULL, '' and 'NULL' looking different.
import { html, raw } from 'hono/html';
import type { SqlContent } from '../../core/approval/request.ts';
import type { Markup } from './layout.ts';
import { shownBlock, type Shown } from './shown-text.ts';
import { TALL_CHARS } from './statement.ts';

/** pg_type.oid of the types that clients usually declare (pg_type.dat); 0: the server infers it. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'as the server infers',
  16: 'boolean',
  17: 'bytea',
  18: 'char',
  19: 'name',
  20: 'bigint',
  21: 'smallint',
  23: 'integer',
  25: 'text',
  26: 'oid',
  114: 'json',
  700: 'real',
  701: 'double precision',
  1042: 'character',
  1043: 'character varying',
  1082: 'date',
  1083: 'time',
  1114: 'timestamp',
  1184: 'timestamp with time zone',
  1186: 'interval',
  1700: 'numeric',
  2950: 'uuid',
  3802: 'jsonb',
};

export function bindList({ binds, bindTypes, bindFormats }: SqlContent): Markup | string {
  if (binds === null || binds.length === 0) return '';
  const items = binds.map((value, index) => {
    const oid = bindTypes?.[index] ?? 0;
    const type = TYPE_NAMES[oid] ?? `type ${oid}`;
    const format = bindFormats?.[index] === 1 ? ', sent in binary' : '';
    return html`<li>
      <span class="par mono">$${index + 1}</span>
      <span class="soft small">${type}${format}</span>${shownValue(value)}
    </li>`;
  });
  return html`<section class="card">
    <h2>Parameters</h2>
    <ol class="binds">
      ${items}
    </ol>
  </section>`;
}

function shownValue(value: string | null): Markup | Shown {
  if (value === null) return html` <span class="null">NULL, no value</span>`;
  if (value === '') return html` <span class="null">an empty text</span>`;
  const long = value.length > TALL_CHARS ? ' long" tabindex="0' : '';
  return raw(`<pre class="sql${long}">\n${shownBlock(value)}</pre>`);
}
