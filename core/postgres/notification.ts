// NotificationResponse for a caller whose results are masked. A payload has no columns, so there is nothing to plan. Where
// columns are masked for the caller, it is replaced whole: a trigger may have put any of them there. Where detectors are all,
// one finding replaces it. The masks are those of the last decision. @see protocol-message-formats NotificationResponse
import type { Masking } from '../masking/mask.ts';
import { createDetection } from '../masking/detect/detection.ts';
import { decodeLossy } from '../bytes.ts';
import { bodyOf, encodeFrame, type FrameView } from './client-messages.ts';
import { SERVER } from './tags.ts';

const REPLACED = 'masked';

/** The frame to send in its place; null when it may go as it is. */
export function maskedNotification(frame: FrameView, masking: Masking): Uint8Array | null {
  if (masking.detect.length === 0 && masking.payloadsWithheld !== true) return null;
  const body = bodyOf(frame);
  const process = body.u32();
  const channel = body.cstringBytes();
  const payload = body.cstringBytes();
  body.end();
  const found = () =>
    createDetection(masking.detect.map(({ detector }) => detector)).find(decodeLossy(payload));
  // An empty one says nothing that its channel does not.
  if (payload.length === 0) return null;
  if (masking.payloadsWithheld !== true && found().length === 0) return null;
  return encodeFrame(SERVER.notification, (w) =>
    w
      .i32(process | 0)
      .bytes(channel)
      .u8(0)
      .cstring(REPLACED),
  );
}
