// The Postgres client of a call, without a socket: logs in, sends one statement in the extended protocol, collects what
// comes back within bounds. One batch, one statement, nothing is ever sent again; whether to send it at all is its owner's
// decision, made when `ready` is reported. The caller is known to the session already: nobody asks for a password.
// @see protocol-flow, "Extended Query"
import { ProtocolViolation } from '../failure.ts';
import { MAX_MASKED_ROW_BYTES, MAX_MESSAGE_BYTES } from '../limits.ts';
import { concatBytes, decodeLossy, utf8 } from '../bytes.ts';
import {
  SYNC,
  bodyOf,
  encodeBind,
  encodeDescribe,
  encodeExecute,
  encodeFrame,
  encodeParse,
} from '../postgres/client-messages.ts';
import { FrameReader, type FrameRules } from '../postgres/frames.ts';
import {
  decodeAuthentication,
  decodeDataRow,
  decodeReport,
  decodeRowDescription,
  type ReportFields,
} from '../postgres/server-messages.ts';
import { PROTOCOL_3_0, encodeStartup } from '../postgres/startup.ts';
import { CLIENT, SERVER } from '../postgres/tags.ts';
import type { BoundParams } from './params.ts';
import type { CallResult } from './outcome.ts';
import { typeName } from './types.ts';
import { jsonValue } from './values.ts';

export interface Statement {
  readonly sql: string;
  readonly params: BoundParams;
  readonly maxRows: number;
  /** Stop it after so many rows. Never for what writes: the rest is then run and left out of the answer. */
  readonly limited: boolean;
  /** Of all rows as JSON, in UTF-16 units and commas: what is over it is left out, whole rows at a time. */
  readonly maxBytes: number;
  /** What the caller says it is doing; shown to approvers as claimed. */
  readonly applicationName: string;
}

export type ClientEvent =
  /** Logged in: `statement()` may be sent. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'notice'; readonly fields: ReportFields }
  /** `rows`: JSON arrays, one text each. */
  | { readonly kind: 'result'; readonly result: CallResult; readonly rows: readonly string[] }
  /** The target or the gateway refused it, and it is over. */
  | { readonly kind: 'error'; readonly fields: ReportFields }
  /** The last words before the connection ends. */
  | { readonly kind: 'fatal'; readonly fields: ReportFields }
  /** To be sent now: an answer to what the server asks in between. */
  | { readonly kind: 'send'; readonly bytes: Uint8Array };

const KNOWN: ReadonlySet<number> = new Set(Object.values(SERVER));

const RULES: FrameRules = {
  limit(tag) {
    if (tag === SERVER.dataRow || tag === SERVER.copyData) return 0x7fff_ffff;
    return KNOWN.has(tag) ? MAX_MESSAGE_BYTES : 0;
  },
  // A row that no answer has room for is not gathered; COPY data is not looked at.
  streams: (tag, length) =>
    tag === SERVER.copyData || (tag === SERVER.dataRow && length > MAX_MASKED_ROW_BYTES),
};

export const TERMINATE: Uint8Array = encodeFrame(CLIENT.terminate, () => undefined);
const NO_COPY = 'this address takes no COPY data';

export class StatementClient {
  readonly #order: Statement;
  readonly #reader = new FrameReader(RULES);
  #sent = false;
  #done = false;
  /** The server has said how the statement ended; without that, its being ready proves nothing. */
  #told = false;
  #error: ReportFields | null = null;
  #columns: { readonly name: string; readonly oid: number }[] = [];
  readonly #rows: string[] = [];
  #bytes = 0;
  #tag = '';
  #truncatedBy: CallResult['truncatedBy'] = null;

  constructor(order: Statement) {
    this.#order = order;
  }

  startup(): Uint8Array {
    const name = this.#order.applicationName;
    return encodeStartup(PROTOCOL_3_0, [
      ['user', 'postern'],
      ['client_encoding', 'UTF8'],
      // Dates come back in one form whatever the database's default is.
      ['DateStyle', 'ISO'],
      ...(name === '' ? [] : [['application_name', name] as const]),
    ]);
  }

  /** The whole batch, once. One row more is asked for than is shown: it tells a full answer from a cut one. */
  statement(): Uint8Array {
    if (this.#sent) throw new Error('a statement is sent once');
    this.#sent = true;
    const { sql, params, maxRows, limited } = this.#order;
    return concatBytes([
      encodeParse('', sql, params.types),
      encodeBind({
        portal: '',
        statement: '',
        formats: [],
        values: params.values.map((value) => (value === null ? null : utf8(value))),
        resultFormats: [],
      }),
      encodeDescribe({ of: 'portal', name: '' }),
      encodeExecute({ portal: '', maxRows: limited ? maxRows + 1 : 0 }),
      SYNC,
    ]);
  }

  /** @throws ProtocolViolation for what no server of ours says */
  receive(chunk: Uint8Array): ClientEvent[] {
    const events: ClientEvent[] = [];
    this.#reader.push(chunk);
    while (this.#reader.next()) {
      const event = this.#message();
      this.#reader.consume();
      if (event !== null) events.push(event);
    }
    this.#reader.keep();
    return events;
  }

  #message(): ClientEvent | null {
    const reader = this.#reader;
    switch (reader.tag) {
      case SERVER.authentication:
        if (decodeAuthentication(reader).kind !== 'ok')
          throw new ProtocolViolation('asked who we are');
        return null;
      case SERVER.notice:
        return { kind: 'notice', fields: decodeReport(reader) };
      case SERVER.error:
        return this.#failed(decodeReport(reader));
      case SERVER.readyForQuery:
        return this.#ready();
      case SERVER.rowDescription:
        this.#columns = decodeRowDescription(reader).map(({ name, typeOid, format }) => {
          if (format !== 0) throw new ProtocolViolation('a binary column nobody asked for');
          return { name, oid: typeOid };
        });
        return null;
      case SERVER.dataRow:
        this.#row();
        return null;
      case SERVER.commandComplete:
        this.#told = true;
        this.#tag = decodeLossy(bodyOf(reader).cstringBytes());
        return null;
      case SERVER.portalSuspended:
        this.#told = true;
        this.#truncatedBy ??= 'rows';
        return null;
      case SERVER.copyInResponse: {
        const refusal = encodeFrame(CLIENT.copyFail, (w) => w.cstring(NO_COPY));
        // The Sync behind the statement was taken for part of the copy: a new one ends the segment.
        return { kind: 'send', bytes: concatBytes([refusal, SYNC]) };
      }
      case SERVER.emptyQuery:
        this.#told = true;
        return null;
      case SERVER.copyOutResponse:
        this.#truncatedBy = 'copy';
        return null;
      case SERVER.parameterStatus:
      case SERVER.backendKeyData:
      case SERVER.parseComplete:
      case SERVER.bindComplete:
      case SERVER.noData:
      case SERVER.notification:
      case SERVER.copyData:
      case SERVER.copyDone:
        return null;
      default:
        throw new ProtocolViolation(`message ${reader.tag} in answer to one statement`);
    }
  }

  #failed(fields: ReportFields): ClientEvent | null {
    // V is never translated, S is; FATAL and PANIC end the connection.
    if (!this.#sent || (fields['V'] ?? fields['S']) !== 'ERROR') {
      // Its last words: nothing behind them is an answer.
      this.#done = true;
      return { kind: 'fatal', fields };
    }
    this.#error ??= fields;
    return null;
  }

  #ready(): ClientEvent | null {
    if (this.#done) return null;
    if (!this.#sent) return { kind: 'ready' };
    this.#done = true;
    if (this.#error !== null) return { kind: 'error', fields: this.#error };
    if (!this.#told) throw new ProtocolViolation('ready without having answered');
    return { kind: 'result', result: this.#result(), rows: this.#rows };
  }

  #row(): void {
    const { maxRows, maxBytes } = this.#order;
    if (this.#truncatedBy !== null) return;
    if (!this.#reader.first || !this.#reader.last) {
      this.#truncatedBy = 'bytes';
      return;
    }
    if (this.#rows.length >= maxRows) {
      this.#truncatedBy = 'rows';
      return;
    }
    const cells = decodeDataRow(this.#reader).map((cell, index) =>
      jsonValue(this.#columns[index]?.oid ?? 0, cell === null ? null : decodeLossy(cell)),
    );
    if (cells.length !== this.#columns.length)
      throw new ProtocolViolation('a row of another width');
    const text = JSON.stringify(cells);
    if (this.#bytes + text.length + 1 > maxBytes) {
      this.#truncatedBy = 'bytes';
      return;
    }
    this.#bytes += text.length + 1;
    this.#rows.push(text);
  }

  #result(): CallResult {
    const counted = /^([A-Z][A-Z ]*?)(?: \d+)*$/.exec(this.#tag);
    const count = / (\d+)$/.exec(this.#tag)?.[1];
    return {
      columns: this.#columns.map(({ name, oid }) => ({ name, type: typeName(oid) })),
      rowCount: count === undefined ? null : Number(count),
      command: counted?.[1] ?? '',
      truncatedBy: this.#truncatedBy,
    };
  }
}
