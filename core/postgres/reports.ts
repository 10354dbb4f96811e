// The server's errors, notices, notifications and reported settings on their way to the client: as they are, or without what
// could be masked values. When which of them is to be feared for is hushing.ts; what an error means for the messages behind it is
// server-side.ts. Notices of the gateway's own are output.ts and pass unchanged.
import type { FrameReader } from './frames.ts';
import { hushedFields } from './hushing.ts';
import { maskedNotification, maskedStatus } from './notification.ts';
import { decodeReport, encodeError, encodeNotice, type ReportFields } from './server-messages.ts';
import type { Session } from './session.ts';

export class Reports {
  readonly #s: Session;
  readonly #reader: FrameReader;

  constructor(session: Session, reader: FrameReader) {
    this.#s = session;
    this.#reader = reader;
  }

  /** The error as it is, or `hushed` without its texts. */
  error(hushed: ReportFields | null): void {
    if (hushed === null) this.#pass();
    else this.#s.output.client.write(encodeError(hushedFields(hushed)));
  }

  notice(): void {
    const { hush, pipeline, output } = this.#s;
    if (!hush.notice(pipeline.head)) return this.#pass();
    output.client.write(encodeNotice(hushedFields(decodeReport(this.#reader))));
  }

  notification(): void {
    const { masking } = this.#s.hush;
    const replaced = masking === null ? null : maskedNotification(this.#reader, masking);
    if (replaced === null) this.#pass();
    else this.#s.output.client.write(replaced);
  }

  status(name: string, value: string): void {
    const { masking } = this.#s.hush;
    const replaced = masking === null ? null : maskedStatus(name, value, masking);
    if (replaced === null) this.#pass();
    else this.#s.output.client.write(replaced);
  }

  #pass(): void {
    const { buffer, start, end } = this.#reader;
    this.#s.output.client.append(buffer, start, end);
  }
}
