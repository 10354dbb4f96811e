// Request bodies, bounded before they are read and checked before they are used. Errors name fields, never values.
import type { Context } from 'hono';
import type { z } from 'zod';
import type { DoorEnv } from './door-env.ts';
import { HttpFailure } from './render-failure.ts';

/** The largest body that any route but a proxied one takes. */
export const MAX_BODY_BYTES = 64 * 1024;

/** @throws HttpFailure request_too_large, request_invalid */
export async function readJson<T>(
  c: Context<DoorEnv>,
  schema: z.ZodType<T>,
  maxBytes = MAX_BODY_BYTES,
): Promise<T> {
  const type = c.req.header('content-type') ?? '';
  // A form cannot send this type without the browser asking us first (Fetch, CORS-safelisted request-header).
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpFailure(
      'request_invalid',
      'The body must be JSON: send content-type application/json.',
    );
  }
  const text = await boundedText(c, maxBytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpFailure('request_invalid', 'The body is not JSON.');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new HttpFailure(
    'request_invalid',
    where === ''
      ? 'The body has fields that this address does not take.'
      : `The field \`${where}\` is missing or not allowed.`,
  );
}

/** Fields of an HTML form, each once. @throws HttpFailure request_too_large, request_invalid */
export async function readForm(c: Context<DoorEnv>): Promise<ReadonlyMap<string, string>> {
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type))
    throw new HttpFailure('request_invalid');
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(await boundedText(c))) {
    if (fields.has(name)) throw new HttpFailure('request_invalid');
    fields.set(name, value);
  }
  return fields;
}

/** UTF-8, as it was sent. @throws HttpFailure request_too_large, request_invalid */
export async function boundedText(c: Context<DoorEnv>, maxBytes = MAX_BODY_BYTES): Promise<string> {
  const announced = Number(c.req.header('content-length') ?? 0);
  if (announced > maxBytes) throw new HttpFailure('request_too_large');
  const reader = (c.req.raw.body as ReadableStream<Uint8Array> | null)?.getReader();
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done) break;
    total += part.value.length;
    if (total > maxBytes) {
      await reader?.cancel();
      throw new HttpFailure('request_too_large');
    }
    chunks.push(part.value);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new HttpFailure('request_invalid', 'The body is not UTF-8.');
  }
}
