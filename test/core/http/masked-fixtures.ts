// What the tests of masked bodies share: masks in a line, and a body pushed through in pieces whose buffers are used again.
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { bodyMasker, type BodyMasks } from '../../../core/http/masked-body.ts';
import type { DetectorId } from '../../../core/masking/detect/detector.ts';
import { createMaskers } from '../../../core/masking/maskers/maskers.ts';
import type { MaskKind } from '../../../core/masking/mask.ts';

export const maskers = createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto });
export const keyless = createMaskers({ key: null, crypto: nativeCrypto });

/** `$.ssn` is redacted; `$.ssn=hash` is hashed. */
export function masks(
  fields: readonly string[],
  detect: readonly DetectorId[] = [],
  kind: MaskKind = 'redact',
): BodyMasks {
  return {
    fields: fields.map((text) => {
      const [path = '', as = 'redact'] = text.split('=');
      return { ids: ['m'], path, kind: as as MaskKind };
    }),
    detect: detect.map((detector) => ({ ids: ['m'], detector, kind })),
  };
}

export const FOUND: readonly DetectorId[] = ['email', 'credit_card', 'us_ssn', 'iban'];

export function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}

/** What comes out; throws BodyMaskFailure, or an Error with the code where there is no masker. */
export function through(
  type: string | null,
  body: string | Uint8Array,
  wanted: BodyMasks,
  cuts: readonly number[] = [],
): string {
  const made = bodyMasker(type, wanted, maskers);
  if (!made.ok) throw new Error(made.error.code);
  const data = bytesOf(body);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, data.length]) {
    const to = Math.min(Math.max(from, cut), data.length);
    const chunk = data.slice(from, to);
    parts.push(made.value.push(chunk).slice());
    chunk.fill(0x7a);
    from = to;
  }
  parts.push(made.value.end().slice());
  return Buffer.concat(parts).toString();
}

/** The output, or the code of what stopped it together with what had gone out before. */
export function outcome(
  type: string | null,
  body: string | Uint8Array,
  wanted: BodyMasks,
): { readonly shown: string; readonly stopped: string | null } {
  const made = bodyMasker(type, wanted, maskers);
  if (!made.ok) return { shown: '', stopped: made.error.code };
  let shown = '';
  try {
    for (const byte of bytesOf(body))
      shown += Buffer.from(made.value.push(Uint8Array.of(byte))).toString('latin1');
    shown += Buffer.from(made.value.end()).toString('latin1');
    return { shown, stopped: null };
  } catch (error) {
    return { shown, stopped: (error as { code?: string }).code ?? String(error) };
  }
}
