// NotificationResponse for a caller whose results are masked. A payload has no columns, so there is nothing to plan: what
// the caller's detectors find in it is all that is known of it, and one finding replaces the payload whole. Detectors come
// with the last decision; a caller without any gets payloads as they are. @see protocol-message-formats NotificationResponse
import type { Masking } from '../masking/mask.ts';
import { createDetection } from '../masking/detect/detection.ts';
import { decodeLossy } from '../bytes.ts';
import { bodyOf, encodeFrame, type FrameView } from './client-messages.ts';
import { SERVER } from './tags.ts';

const REPLACED = 'masked';

/** The frame to send in its place; null when it may go as it is. */
export function maskedNotification(frame: FrameView, masking: Masking): Uint8Array | null {
  if (masking.detect.length === 0) return null;
  const body = bodyOf(frame);
  const process = body.u32();
  const channel = body.cstringBytes();
  const payload = body.cstringBytes();
  body.end();
  const detection = createDetection(masking.detect.map(({ detector }) => detector));
  if (detection.find(decodeLossy(payload)).length === 0) return null;
  return encodeFrame(SERVER.notification, (w) =>
    w
      .i32(process | 0)
      .bytes(channel)
      .u8(0)
      .cstring(REPLACED),
  );
}
