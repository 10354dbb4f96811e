// What the gateway answers about sessions: addresses, shapes, and downloads. Nothing here prints.
import { z } from 'zod';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { request, requestJson } from './gateway.ts';

const sessionSchema = z.object({
  id: z.string(),
  target: z.string(),
  protocol: z.string(),
  principalId: z.string(),
  principalKind: z.string(),
  groups: z.array(z.string()),
  clientName: z.string(),
  clientAddress: z.string(),
  country: z.string(),
  revision: z.number(),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
  endCode: z.string().nullable(),
  actions: z.number(),
  refused: z.number(),
  rows: z.number(),
  bytes: z.number(),
  rules: z.array(z.string()),
  events: z.number(),
  headHash: z.string(),
  recordingKey: z.string().nullable(),
});
export type SessionSummary = z.infer<typeof sessionSchema>;

const actionSchema = z.object({
  action: z.number(),
  at: z.number(),
  via: z.string(),
  statement: z.string(),
  truncated: z.boolean(),
  effect: z.string(),
  decision: z.string(),
  rules: z.array(z.string()),
  code: z.string().nullable(),
  outcome: z.string().nullable(),
  rows: z.number().nullable(),
  durationMs: z.number().nullable(),
  error: z.string().nullable(),
});
export type ActionSummary = z.infer<typeof actionSchema>;

/** The gateway's largest page. */
const PAGE = 200;

/** Newest first, at most `most`. `filter` is passed on as the query string. */
export async function listSessions(
  filter: Readonly<Record<string, string>>,
  most: number,
): Promise<SessionSummary[]> {
  const page = z.object({ sessions: z.array(sessionSchema), next: z.string().nullable() });
  const found: SessionSummary[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ ...filter, limit: String(Math.min(PAGE, most)) });
    if (cursor !== null) query.set('cursor', cursor);
    const answer: z.infer<typeof page> = await understood(page, `/v1/sessions?${query}`);
    found.push(...answer.sessions);
    cursor = answer.next;
  } while (cursor !== null && found.length < most);
  return found.slice(0, most);
}

/** One session, and its actions from `after` on. */
export async function getSession(
  id: string,
  after = 0,
): Promise<{ session: SessionSummary; actions: ActionSummary[]; next: number | null }> {
  const page = z.object({
    session: sessionSchema,
    actions: z.array(actionSchema),
    next: z.number().nullable(),
  });
  return understood(page, `${address(id)}?${new URLSearchParams({ after: String(after) })}`);
}

/** The bytes of a session's recording, as they come. */
export async function* downloadRecording(id: string): AsyncGenerator<Uint8Array> {
  // A long recording takes its time: only the connection's own end ends it.
  const response = await request(`${address(id)}/recording`, {
    signal: new AbortController().signal,
  });
  if (response.body === null) return;
  const reader = response.body.getReader();
  for (;;) {
    const { value, done } = await reader.read().catch((error: unknown) => {
      const reason = reasonOf(error);
      throw new CliError(
        EXIT.gatewayUnreachable,
        `The gateway broke off in the middle of the recording: ${reason}.`,
      );
    });
    if (done) return;
    yield value;
  }
}

export async function killSession(id: string): Promise<void> {
  await request(address(id), { method: 'DELETE' });
}

function address(id: string): string {
  return `/v1/sessions/${encodeURIComponent(id)}`;
}

async function understood<T>(schema: z.ZodType<T>, path: string): Promise<T> {
  const parsed = schema.safeParse(await requestJson(path));
  if (parsed.success) return parsed.data;
  throw new CliError(
    EXIT.failed,
    'The gateway’s answer about sessions is not understood.',
    'Is this postern older than the gateway?',
  );
}
