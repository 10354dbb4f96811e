// NotificationResponse for a caller whose results are masked. A payload has no columns, so there is nothing to plan. Where
// columns are masked for the caller, or a model would have to be asked, it is replaced whole: a trigger may have put anything
// there. Where detectors are all, one finding replaces it. The same goes for settings that the server reports and a statement
// can fill with what it has read. The masks are those of the last decision.
// @see protocol-message-formats NotificationResponse, ParameterStatus
import type { Masking } from '../masking/mask.ts';
import { createDetection } from '../masking/detect/detection.ts';
import { decodeLossy } from '../bytes.ts';
import { bodyOf, encodeFrame, type FrameView } from './client-messages.ts';
import { SERVER } from './tags.ts';

const REPLACED = 'masked';

/** The frame to send in its place; null when it may go as it is. */
export function maskedNotification(frame: FrameView, masking: Masking): Uint8Array | null {
  const body = bodyOf(frame);
  const process = body.u32();
  const channel = body.cstringBytes();
  const payload = body.cstringBytes();
  body.end();
  if (!mayHoldValues(decodeLossy(payload), masking)) return null;
  return encodeFrame(SERVER.notification, (w) =>
    w
      .i32(process | 0)
      .bytes(channel)
      .u8(0)
      .cstring(REPLACED),
  );
}

/**
 * `set_config('application_name', note, false)`, and time zones in the form of POSIX, `set_config('TimeZone', name || '0', …)`:
 * other settings that are reported take no text, or are guarded.
 */
export function maskedStatus(name: string, value: string, masking: Masking): Uint8Array | null {
  const free = name === 'application_name' || (name === 'TimeZone' && /^[^/]*[\d<]/.test(value));
  if (!free || !mayHoldValues(value, masking)) return null;
  return encodeFrame(SERVER.parameterStatus, (w) => w.cstring(name).cstring(REPLACED));
}

function mayHoldValues(text: string, { detect, payloadsWithheld }: Masking): boolean {
  // An empty one says nothing that its channel does not.
  if (text === '') return false;
  if (payloadsWithheld === true) return true;
  return createDetection(detect.map(({ detector }) => detector)).find(text).length > 0;
}
