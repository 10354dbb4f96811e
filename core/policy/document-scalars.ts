// The smallest values of postern.yaml: names, texts, durations, URLs, names of secrets. document.ts and target-document.ts
// build the file's shape of them.
import { z } from 'zod';
import { DURATION_PATTERN, durationSeconds } from './duration.ts';
import { webAddress } from './web-address.ts';

const MAX_CONDITION_CHARS = 4096;
export const MAX_LIST = 1000;

export const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and -')
  .describe('A name: 1 to 63 of a-z, 0-9 and -.');

export const label = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,62}$/, 'must be a CEL identifier');

// Control characters and bidirectional overrides could make one name look like another on an approver's screen.
export const plainText = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, 'must not hold control or invisible characters');

export const group = plainText(200);

export const condition = z
  .string()
  .min(1)
  .max(MAX_CONDITION_CHARS)
  .describe('A CEL expression (docs/policy.md, "Conditions").');

export const secretName = z
  .string()
  .regex(
    /^[A-Z][A-Z0-9_]{0,63}$/,
    'must be the NAME of a Worker secret, in capitals, never its value',
  )
  .describe('The name of a Worker secret, never its value.');

export const duration = z
  .string()
  .regex(DURATION_PATTERN, 'must be a whole number and one of s, m, h, d: 15m, 1h, 400d')
  .transform((text) => durationSeconds(text) ?? 0);

export const url = z
  .string()
  .max(2048)
  .refine((text) => webAddress(text) !== null, {
    message: 'must be an https URL without user, query or fragment',
  });
