// /v1/sessions: who did what. Searches the index, replays what the journal or R2 holds, ends live sessions. Who may see and
// who may kill is the policy's to say (audit-access.ts); a session that the caller may not see does not exist.
import { Hono, type Context } from 'hono';
import { createAuditIndex, type SessionFilter } from '../../adapters/audit-index.ts';
import { createRecordings, RecordingDamaged, streamOf } from '../../adapters/recordings.ts';
import type { SessionRow } from '../../adapters/schema.ts';
import type { ChainedEvent } from '../../core/audit/event.ts';
import { encodeLine, type Manifest } from '../../core/recording/format.ts';
import { policyAccess, type AuditAccess } from '../audit-access.ts';
import type { DoorEnv } from '../door-env.ts';
import { HttpFailure } from '../render-failure.ts';
import {
  actionsQuery,
  encodeCursor,
  eventsQuery,
  parseQuery,
  sessionsQuery,
} from './audit-query.ts';

/** Events in one call to a session's object while an unfinished recording is streamed. */
const LIVE_PAGE = 500;
const NDJSON = 'application/x-ndjson; charset=utf-8';

type AuditContext = Context<DoorEnv>;

/** Needs `principal` in the context. `access` is asked once a request. */
export function createAuditRoutes(
  access: (c: AuditContext) => Promise<AuditAccess>,
): Hono<DoorEnv> {
  const routes = new Hono<DoorEnv>();

  /** The session, if there is one that this caller may see. */
  const visible = async (c: AuditContext): Promise<{ row: SessionRow; allowed: AuditAccess }> => {
    const allowed = await access(c);
    const row = await createAuditIndex(c.env.DB).session(c.req.param('id') ?? '');
    if (row === null || !allowed.mayRead(row)) throw new HttpFailure('not_found');
    return { row, allowed };
  };

  routes.get('/v1/sessions', async (c) => {
    const { limit, cursor, ...filter } = parseQuery(sessionsQuery, c.req.query());
    const allowed = await access(c);
    const mine = narrowed(filter, allowed);
    if (mine === null) return c.json({ sessions: [], next: null });
    // One more than asked for tells whether there is a next page.
    const rows = await createAuditIndex(c.env.DB).search(mine, cursor ?? null, limit + 1);
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return c.json({
      sessions: rows.slice(0, limit).filter((row) => allowed.mayRead(row)),
      next: last === undefined ? null : encodeCursor(last),
    });
  });

  routes.get('/v1/sessions/:id', async (c) => {
    const { after, limit } = parseQuery(actionsQuery, c.req.query());
    const { row } = await visible(c);
    const actions = await createAuditIndex(c.env.DB).actions(row.id, after, limit + 1);
    const page = actions.slice(0, limit);
    const next = actions.length > limit ? (page.at(-1)?.action ?? null) : null;
    return c.json({ session: row, actions: page, next });
  });

  routes.get('/v1/sessions/:id/events', async (c) => {
    const { after, limit } = parseQuery(eventsQuery, c.req.query());
    const { row } = await visible(c);
    const manifest = await manifestOf(c, row);
    const events =
      manifest === null
        ? await liveEvents(c, row.id, after, limit)
        : await createRecordings(c.env.RECORDINGS).read(manifest, after, limit);
    return c.json({ events, next: events.at(-1)?.seq ?? after, ended: row.endedAt !== null });
  });

  routes.get('/v1/sessions/:id/recording', async (c) => {
    const { row } = await visible(c);
    const manifest = await manifestOf(c, row);
    const body =
      manifest === null
        ? streamOf(liveLines(c, row.id))
        : createRecordings(c.env.RECORDINGS).export(manifest);
    return c.body(body, 200, {
      'content-type': NDJSON,
      'content-disposition': `attachment; filename="${row.id}.ndjson"`,
      'cache-control': 'private, no-store',
      // Without its manifest line a recording never verifies.
      'postern-recording': manifest === null ? 'unfinished' : 'complete',
    });
  });

  routes.delete('/v1/sessions/:id', async (c) => {
    const { row, allowed } = await visible(c);
    if (!allowed.mayKill(row)) throw new HttpFailure('forbidden');
    const killed = await asked(() => c.env.SESSION.getByName(row.id).kill(c.get('principal').id));
    if (!killed) throw new HttpFailure('session_ended');
    return c.json({ session: row.id, killed: true });
  });

  return routes;
}

export const auditRoutes = createAuditRoutes(policyAccess);

/** Null: the caller asks for somebody else's sessions and may see their own only. */
function narrowed(filter: SessionFilter, allowed: AuditAccess): SessionFilter | null {
  if (allowed.ownId === null) return filter;
  if (filter.principal !== undefined && filter.principal !== allowed.ownId) return null;
  return { ...filter, principal: allowed.ownId };
}

/** Null while the recording is not whole: then the session's object has everything. */
async function manifestOf(c: AuditContext, row: SessionRow): Promise<Manifest | null> {
  if (row.recordingKey === null) return null;
  const manifest = await createRecordings(c.env.RECORDINGS).manifest(row.recordingKey);
  if (manifest === null) throw new RecordingDamaged('the manifest is missing');
  return manifest;
}

function liveEvents(
  c: AuditContext,
  id: string,
  after: number,
  limit: number,
): Promise<ChainedEvent[]> {
  return asked(() => c.env.SESSION.getByName(id).events(after, limit));
}

async function* liveLines(c: AuditContext, id: string): AsyncGenerator<Uint8Array> {
  const utf8 = new TextEncoder();
  let after = 0;
  for (;;) {
    const events = await liveEvents(c, id, after, LIVE_PAGE);
    if (events.length === 0) return;
    for (const event of events) {
      yield utf8.encode(`${encodeLine(event)}\n`);
      after = event.seq;
    }
  }
}

/** A Durable Object that is being moved or restarted throws; the caller can only try again. */
async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch {
    throw new HttpFailure('session_unavailable');
  }
}
