// The client's half of a logged-in session: takes its messages one by one and knows what each of them is; admission.ts says
// which may go. COPY data is passed on as it comes. @see protocol-flow
import type { Decision } from '../decision.ts';
import { ProtocolViolation } from '../failure.ts';
import { MAX_PIPELINED_MESSAGES } from '../limits.ts';
import { Admission } from './admission.ts';
import {
  FLUSH,
  decodeBind,
  decodeCopyFail,
  decodeEmpty,
  decodeExecute,
  decodeFunctionCall,
  decodeNamed,
  decodeParse,
  decodeQuery,
} from './client-messages.ts';
import {
  FUNCTION_CALL,
  PATH_UNKNOWN,
  nameDenial,
  uncertainStatement,
  unknownPortal,
} from './denials.ts';
import type { FrameReader } from './frames.ts';
import { boundPortal } from './portal.ts';
import type { Session } from './session.ts';
import { protocolStatement, type Statement } from './statement.ts';
import { CLIENT } from './tags.ts';

export class ClientSide {
  readonly #s: Session;
  readonly #reader: FrameReader;
  readonly #admission: Admission;
  /** The rest of a COPY data frame that is not passed on. */
  #dropping = false;
  /** A client that was not asked for a password may have sent one behind its startup packet all the same. */
  #passwordMayCome: boolean;
  #terminated = false;

  constructor(session: Session, reader: FrameReader) {
    this.#s = session;
    this.#reader = reader;
    this.#admission = new Admission(session, reader);
    this.#passwordMayCome = session.options.principalAuthenticated;
  }

  /** The client said goodbye; what it sent before is still being answered. */
  get terminated(): boolean {
    return this.#terminated;
  }

  /** Takes messages as long as nothing holds them. True when the session has come to the client's end. */
  pump(): boolean {
    const reader = this.#reader;
    this.#admission.resume();
    while (!this.#terminated && !this.#admission.held && reader.next()) {
      if (!this.#take()) break;
      reader.consume();
    }
    // Inside COPY nothing is being answered that the client could still want.
    return this.#terminated && (this.#s.pipeline.size === 0 || this.#s.copying !== null);
  }

  decided(id: number, decision: Decision): void {
    this.#admission.decided(id, decision);
  }

  reconsider(id: number): void {
    this.#admission.reconsider(id);
  }

  /** The client left while its message waited for a decision: nothing more may be sent for it. */
  get abandoned(): boolean {
    return this.#admission.asking && this.#reader.sees(CLIENT.terminate);
  }

  /** False: the message stays, to be taken again later. */
  #take(): boolean {
    const reader = this.#reader;
    if (!reader.first) {
      if (!this.#dropping) this.#passCopyData();
      return true;
    }
    const { tag } = reader;
    const passwordMayCome = this.#passwordMayCome;
    this.#passwordMayCome = false;
    if (tag === CLIENT.terminate) return this.#terminate();
    if (tag === CLIENT.password && passwordMayCome) return true;
    if (this.#s.copying !== null) return this.#takeInCopy(tag);
    // Stale COPY messages, and everything between an error and the Sync: the server would ignore them as well.
    this.#dropping = tag === CLIENT.copyData;
    if (tag === CLIENT.copyData || tag === CLIENT.copyDone || tag === CLIENT.copyFail) return true;
    if (this.#s.pipeline.skipping && tag !== CLIENT.sync) return true;
    if (this.#s.pipeline.size >= MAX_PIPELINED_MESSAGES) return this.#admission.waitForAnswers();
    switch (tag) {
      case CLIENT.query:
        return this.#query();
      case CLIENT.parse:
        return this.#parse();
      case CLIENT.bind:
        return this.#bind();
      case CLIENT.describe:
        return this.#describe();
      case CLIENT.execute:
        return this.#execute();
      case CLIENT.close:
        return this.#close();
      case CLIENT.sync:
        decodeEmpty(reader);
        this.#s.pipeline.add('sync');
        return this.#pass(true);
      case CLIENT.flush:
        decodeEmpty(reader);
        return this.#pass(true);
      case CLIENT.functionCall:
        return this.#functionCall();
      default:
        throw new ProtocolViolation(`message type ${tag} is not for this moment`);
    }
  }

  // --- messages ------------------------------------------------------------------------------------------------------

  #query(): boolean {
    const statement = this.#s.texts.decode(decodeQuery(this.#reader));
    return this.#admission.judge({
      via: 'query',
      statement,
      planned: null,
      binds: null,
      bindFormats: null,
      refusal: null,
      name: '',
    });
  }

  #parse(): boolean {
    const parse = decodeParse(this.#reader);
    const full = this.#admission.full(parse.statement, this.#s.statements.size);
    if (full === 'wait') return false;
    const statement = this.#s.texts.decode(parse.text, parse.types);
    return this.#admission.judge({
      via: 'prepare',
      statement,
      planned: null,
      binds: null,
      bindFormats: null,
      refusal: nameDenial(parse.statement) ?? full,
      name: parse.statement,
    });
  }

  #bind(): boolean {
    const bind = decodeBind(this.#reader);
    const { statements, portals, pipeline, state, options } = this.#s;
    const denial = nameDenial(bind.portal) ?? nameDenial(bind.statement);
    if (denial !== null) return this.#admission.judgeMessage('Bind', denial);
    const full = this.#admission.full(bind.portal, portals.size);
    if (full === 'wait') return false;
    if (full !== null) return this.#admission.judgeMessage('Bind', full);
    const [statement, ...more] = statements.resolve(bind.statement, pipeline.segment) ?? [null];
    if (statement === null) return this.#admission.waitForReadies();
    if (more.length > 0)
      return this.#admission.judgeMessage('Bind', uncertainStatement(bind.statement));
    // Planned now, under the search path of now: it must be known. A statement nobody knows is the server's to refuse.
    if (statement !== undefined && !state.certain(pipeline.readies)) {
      const inspection = this.#admission.examine(statement, null);
      if (inspection === null) return false;
      if (inspection.refusal === PATH_UNKNOWN)
        return this.#admission.judgeMessage('Bind', PATH_UNKNOWN);
    }
    const portal =
      statement === undefined
        ? null
        : boundPortal(statement, state.path, bind, options.crypto, this.#meaning(statement));
    pipeline.add('bind', {
      hushed: statement?.hushed ?? false,
      portalChanges: [portals.plan(bind.portal, portal, pipeline.segment)],
    });
    return this.#pass(false);
  }

  /** Remembered where masks may concern the caller: they are laid over what is read, and that is settled now. */
  #meaning(statement: Statement): string | null | undefined {
    const { hush, judging, state } = this.#s;
    return hush.masking === null && statement.unmasked
      ? undefined
      : judging.meaning(statement, state.path);
  }

  #describe(): boolean {
    const { name } = decodeNamed(this.#reader);
    const denial = nameDenial(name);
    if (denial !== null) return this.#admission.judgeMessage('Describe', denial);
    this.#s.pipeline.add('describe');
    return this.#pass(false);
  }

  #close(): boolean {
    const { of, name } = decodeNamed(this.#reader);
    const denial = nameDenial(name);
    if (denial !== null) return this.#admission.judgeMessage('Close', denial);
    const { pipeline, statements, portals } = this.#s;
    if (of === 'statement') {
      const change = statements.plan(name, null, pipeline.segment);
      pipeline.add('close', { statementChanges: [change] });
    } else {
      const change = portals.plan(name, null, pipeline.segment);
      pipeline.add('close', { portalChanges: [change] });
    }
    return this.#pass(false);
  }

  #execute(): boolean {
    const { portal: name, maxRows } = decodeExecute(this.#reader);
    const { portals, pipeline } = this.#s;
    const denial = nameDenial(name);
    if (denial !== null) return this.#admission.judgeMessage('Execute', denial);
    const [portal, ...more] = portals.resolve(name, pipeline.segment) ?? [null];
    if (portal === null) return this.#admission.waitForReadies();
    if (portal === undefined || more.length > 0) {
      return this.#admission.judgeMessage('Execute', unknownPortal(name));
    }
    return this.#admission.judge({
      via: 'execute',
      statement: portal.statement,
      planned: portal.path,
      binds: portal.binds,
      bindFormats: portal.bindFormats,
      limited: maxRows > 0,
      portal,
      refusal: null,
      name,
    });
  }

  #functionCall(): boolean {
    const oid = decodeFunctionCall(this.#reader);
    const statement = protocolStatement(`FunctionCall of function ${oid}`, FUNCTION_CALL);
    return this.#admission.judge({
      via: 'call',
      statement,
      planned: null,
      binds: null,
      bindFormats: null,
      refusal: FUNCTION_CALL,
      name: '',
    });
  }

  #terminate(): boolean {
    decodeEmpty(this.#reader);
    this.#terminated = true;
    // Inside COPY the server would take it for an error of the data; the end of the connection says the same.
    return this.#s.copying === null ? this.#pass(true) : true;
  }

  // --- COPY from the client ------------------------------------------------------------------------------------------

  #takeInCopy(tag: number): boolean {
    const { copying } = this.#s;
    this.#dropping = false;
    switch (tag) {
      case CLIENT.copyData:
        this.#passCopyData();
        return true;
      case CLIENT.copyDone:
        decodeEmpty(this.#reader);
        break;
      case CLIENT.copyFail:
        decodeCopyFail(this.#reader);
        break;
      case CLIENT.flush:
      case CLIENT.sync:
        // Ignored by a server that copies. Dropped here, because the server may have left COPY with an error meanwhile,
        // and would answer a Sync nobody counts.
        decodeEmpty(this.#reader);
        return true;
      default:
        throw new ProtocolViolation(`message type ${tag} during COPY`);
    }
    if (copying !== null) {
      copying.copyDone = true;
      // After it the extended protocol is back to its usual order; a simple query may go on to the next COPY.
      if (copying.kind === 'execute') this.#s.copying = null;
    }
    this.#pass(true);
    // The gate waits for the answer, which an Execute gets with the next Flush.
    if (this.#s.gate !== null) this.#s.output.toServer(FLUSH, 0, FLUSH.length, true);
    return true;
  }

  #passCopyData(): void {
    const { buffer, start, end } = this.#reader;
    const run = this.#s.copying?.run;
    if (run !== undefined && run !== null) {
      run.bytes += end - start;
      if (run.digest !== null) {
        run.digest.update(buffer.subarray(start, end));
        run.digested = true;
      }
    }
    this.#s.output.toServer(buffer, start, end, true);
  }

  #pass(due: boolean): true {
    const { buffer, start, end } = this.#reader;
    this.#s.output.toServer(buffer, start, end, due);
    return true;
  }
}
