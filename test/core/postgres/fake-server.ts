// A model of a Postgres backend, as far as the protocol goes: order, skipping, transactions, names, search path and when it
// flushes (with ReadyForQuery, Flush, errors and CopyInResponse, and never before). Written from the manual and postgres.c
// so that an engine in front of it can be compared with no engine at all.
import {
  bindComplete,
  closeComplete,
  complete,
  copyIn,
  copyOut,
  cstrings,
  copyData,
  copyDone,
  dataRow,
  emptyQuery,
  error,
  frames,
  join,
  noData,
  parameter,
  parameterDescription,
  parseComplete,
  ready,
  rowDescription,
  suspended,
  type Frame,
} from './wire.ts';

interface Prepared {
  readonly sql: string;
}

interface Portal {
  readonly sql: string;
  readonly path: string;
  readonly cursor: boolean;
  left: number;
}

export interface Executed {
  readonly sql: string;
  /** First schema of the path under which the text ran, or its portal was bound. */
  readonly path: string;
  readonly status: 'I' | 'T' | 'E';
}

export interface FakeServerOptions {
  /** From Postgres 18 on the path is reported. */
  readonly reportsPath?: boolean;
  /** Fails a text as if it did not parse: how a refusal looks from outside. Paths: all that may be in force. */
  readonly refuse?: (
    sql: string,
    paths: readonly string[],
    preparing: boolean,
  ) => Uint8Array | null;
}

class Failure extends Error {
  readonly response: Uint8Array;

  constructor(response: Uint8Array) {
    super('failure');
    this.response = response;
  }
}

function fail(code: string, message: string): never {
  throw new Failure(error(code, message));
}

export class FakeServer {
  readonly executed: Executed[] = [];
  /** Every text the server ever saw, probes and stand-ins included. */
  readonly seen: string[] = [];
  readonly #options: FakeServerOptions;
  #input: Uint8Array = new Uint8Array(0);
  #buffer: Uint8Array[] = [];
  #flushed: Uint8Array[] = [];
  #block: 'I' | 'T' | 'E' = 'I';
  #implicit = false;
  #skipping = false;
  #copying: 'query' | 'execute' | null = null;
  #resume: (() => void) | null = null;
  #session = 'public';
  #local: string | null = null;
  #saved = 'public';
  #reported = 'public';
  readonly #statements = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();
  closed = false;

  constructor(options: FakeServerOptions = {}) {
    this.#options = options;
  }

  /** Takes bytes, returns what it flushes for them. */
  feed(bytes: Uint8Array): Uint8Array {
    this.#input = join(this.#input, bytes);
    for (const frame of frames(this.#input)) {
      if (frame.tag === '?') {
        this.#input = frame.body.slice();
        return this.#take();
      }
      if (!this.closed) this.#message(frame);
    }
    this.#input = new Uint8Array(0);
    return this.#take();
  }

  get path(): string {
    return this.#local ?? this.#session;
  }

  get copying(): boolean {
    return this.#copying !== null;
  }

  #take(): Uint8Array {
    return join(...this.#flushed.splice(0));
  }

  #out(...bytes: readonly Uint8Array[]): void {
    this.#buffer.push(...bytes);
  }

  #flush(): void {
    this.#flushed.push(...this.#buffer.splice(0));
  }

  #message(frame: Frame): void {
    if (this.#copying !== null) return this.#copyMessage(frame);
    if (this.#skipping && frame.tag !== 'S' && frame.tag !== 'X') return;
    switch (frame.tag) {
      case 'Q':
        return this.#query(cstrings(frame.body)[0] ?? '');
      case 'S':
        this.#skipping = false;
        this.#endImplicit();
        return this.#ready();
      case 'H':
        return this.#flush();
      case 'X':
        this.closed = true;
        return;
      case 'd':
      case 'c':
      case 'f':
        return;
      default:
        return this.#guard(() => this.#extended(frame));
    }
  }

  #guard(work: () => void): void {
    try {
      this.#begin();
      work();
    } catch (caught) {
      this.#failed(caught);
      this.#skipping = true;
    }
  }

  #failed(caught: unknown): void {
    if (!(caught instanceof Failure)) throw caught;
    this.#out(caught.response);
    this.#flush();
    this.#abort();
  }

  #begin(): void {
    if (this.#block !== 'I' || this.#implicit) return;
    this.#implicit = true;
    this.#saved = this.#session;
  }

  #abort(): void {
    this.#session = this.#saved;
    this.#local = null;
    this.#copying = null;
    this.#resume = null;
    if (this.#block === 'I') {
      this.#implicit = false;
      this.#portals.clear();
    } else {
      this.#block = 'E';
    }
  }

  #endImplicit(): void {
    if (!this.#implicit || this.#block !== 'I') return;
    this.#implicit = false;
    this.#commit();
  }

  #commit(): void {
    this.#local = null;
    this.#saved = this.#session;
    this.#portals.clear();
  }

  #ready(): void {
    if (this.#options.reportsPath === true && this.path !== this.#reported) {
      this.#reported = this.path;
      this.#out(parameter('search_path', this.path));
    }
    this.#out(ready(this.#block));
    this.#flush();
  }

  // --- simple ----------------------------------------------------------------------------------------------------------

  #query(text: string): void {
    this.#statements.delete('');
    const refused = this.#refusal(text, [this.path]);
    const parts = text.split(';').filter((part) => part.trim() !== '');
    this.#note(text, this.path);
    try {
      this.#begin();
      if (refused !== null) throw new Failure(refused);
      this.#parses(text);
    } catch (caught) {
      this.#failed(caught);
      return this.#ready();
    }
    this.#portals.delete('');
    if (parts.length === 0) {
      this.#out(emptyQuery);
      this.#endImplicit();
      return this.#ready();
    }
    const next = (): void => {
      try {
        for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
          this.#begin();
          if (this.#run(part.trim(), 'query', 0, next)) return;
        }
        this.#endImplicit();
      } catch (caught) {
        this.#failed(caught);
      }
      this.#ready();
    };
    next();
  }

  /** A text that runs another one is refused for what that one does. */
  #refusal(sql: string, paths: readonly string[], preparing = false): Uint8Array | null {
    const [verb, name = ''] = sql.split(/\s+/);
    if (verb === 'EXECUTE') {
      const inner = this.#statements.get(name)?.sql ?? '';
      return /^(EXECUTE|FETCH)/.test(inner) ? null : this.#refusal(inner, paths, preparing);
    }
    if (verb === 'FETCH') {
      const portal = this.#portals.get(sql.split(/\s+/).at(-1) ?? '');
      const inner = portal?.sql ?? '';
      if (portal === undefined || /^(EXECUTE|FETCH)/.test(inner)) return null;
      return this.#refusal(inner, [portal.path], preparing);
    }
    return this.#options.refuse?.(sql, paths, preparing) ?? null;
  }

  #parses(text: string): void {
    this.seen.push(text);
    for (const part of text.split(';')) {
      const verb = /^\s*([a-z]*)/i.exec(part)?.[1]?.toUpperCase() ?? '';
      if (part.trim() !== '' && !VERBS.has(verb))
        fail('42601', `syntax error at or near "${part.trim()}"`);
    }
  }

  #note(sql: string, path: string): void {
    if (sql.includes('postern_')) return;
    this.executed.push({ sql, path, status: this.#block });
  }

  // --- extended --------------------------------------------------------------------------------------------------------

  #extended({ tag, body }: Frame): void {
    const strings = cstrings(body);
    switch (tag) {
      case 'P': {
        const [name = '', sql = ''] = strings;
        if (name === '') this.#statements.delete('');
        const refused = this.#refusal(sql, [this.path], true);
        if (refused !== null) throw new Failure(refused);
        this.#parses(sql);
        this.#notAborted(sql);
        if (name !== '' && this.#statements.has(name)) fail('42P05', 'statement exists');
        this.#statements.set(name, { sql });
        return this.#out(parseComplete);
      }
      case 'B': {
        const [portal = '', name = ''] = strings;
        const statement = this.#statement(name);
        this.#notAborted(statement.sql);
        if (portal !== '' && this.#portals.has(portal)) fail('42P03', 'portal exists');
        this.#portals.set(portal, {
          sql: statement.sql,
          path: this.path,
          cursor: false,
          left: rowsOf(statement.sql),
        });
        return this.#out(bindComplete);
      }
      case 'D': {
        const kind = String.fromCharCode(body[0] ?? 0);
        const name = (strings[0] ?? '').slice(1);
        const { sql } = kind === 'S' ? this.#statement(name) : this.#portal(name);
        this.#notAborted(sql);
        if (kind === 'S') this.#out(parameterDescription);
        return this.#out(returnsRows(sql) ? rowDescription : noData);
      }
      case 'E': {
        const name = strings[0] ?? '';
        const limit = new DataView(body.buffer, body.byteOffset).getInt32(body.length - 4);
        return this.#execute(name, limit);
      }
      case 'C': {
        const kind = String.fromCharCode(body[0] ?? 0);
        const name = (strings[0] ?? '').slice(1);
        (kind === 'S' ? this.#statements : this.#portals).delete(name);
        return this.#out(closeComplete);
      }
      default:
        return fail('08P01', `unknown message ${tag}`);
    }
  }

  #statement(name: string): Prepared {
    return this.#statements.get(name) ?? fail('26000', `no statement ${name}`);
  }

  #portal(name: string): Portal {
    return this.#portals.get(name) ?? fail('34000', `portal "${name}" does not exist`);
  }

  #execute(name: string, limit: number): void {
    if (!name.includes('postern_') && !this.#portals.has(name))
      this.#note(`portal ${name}`, this.path);
    const portal = this.#portal(name);
    const refused = this.#refusal(portal.sql, [portal.path, this.path]);
    this.#note(portal.sql, portal.path);
    if (refused !== null) throw new Failure(refused);
    this.#notAborted(portal.sql);
    if (portal.sql.startsWith('SELECT pg_catalog.current_schemas')) return this.#probe();
    if (returnsRows(portal.sql) && limit > 0 && portal.left > limit) {
      for (let row = 0; row < limit; row++) this.#out(dataRow('v'));
      portal.left -= limit;
      return this.#out(suspended);
    }
    this.#run(portal.sql, 'execute', portal.left, () => undefined);
    portal.left = 0;
  }

  #probe(): void {
    this.#out(
      dataRow(`{pg_catalog,${this.path}}`, 'on', 'UTF8', 'off', 'off', 'app'),
      complete('SELECT 1'),
    );
  }

  #notAborted(sql: string): void {
    if (this.#block === 'E' && !/^\s*(COMMIT|ROLLBACK)/i.test(sql)) {
      fail('25P02', 'current transaction is aborted');
    }
  }

  // --- statements ------------------------------------------------------------------------------------------------------

  /** True when the rest has to wait for COPY data. */
  #run(sql: string, via: 'query' | 'execute', left: number, next: () => void): boolean {
    this.#notAborted(sql);
    const words = sql.split(/\s+/);
    const verb = (words[0] ?? '').toUpperCase();
    const tell = via === 'query';
    if (/\bfail\b/.test(sql)) {
      if (tell && verb === 'SELECT') this.#out(rowDescription, dataRow('v'));
      fail('22012', 'division by zero');
    }
    switch (verb) {
      case 'SELECT':
        return this.#select(sql, tell, left);
      case 'INSERT':
        this.#out(complete('INSERT 0 1'));
        return false;
      case 'BEGIN':
        if (this.#block === 'I') this.#saved = this.#session;
        this.#block = this.#block === 'E' ? 'E' : 'T';
        this.#implicit = false;
        this.#out(complete('BEGIN'));
        return false;
      case 'COMMIT':
      case 'ROLLBACK': {
        const undone = verb === 'ROLLBACK' || this.#block === 'E';
        if (this.#block !== 'I' || verb === 'ROLLBACK') {
          if (undone && this.#block !== 'I') this.#session = this.#saved;
          if (undone && this.#implicit) this.#session = this.#saved;
        }
        this.#block = 'I';
        this.#implicit = false;
        this.#commit();
        this.#out(complete(undone ? 'ROLLBACK' : 'COMMIT'));
        return false;
      }
      case 'SET':
        if (/LOCAL/i.test(sql)) this.#local = words.at(-1) ?? '';
        else {
          this.#session = words.at(-1) ?? '';
          this.#local = null;
        }
        this.#out(complete('SET'));
        return false;
      case 'PREPARE': {
        const [, name = '', body = ''] = /^PREPARE (\w+) AS (.*)$/s.exec(sql) ?? [];
        if (this.#statements.has(name)) fail('42P05', 'statement exists');
        this.#statements.set(name, { sql: body });
        this.#out(complete('PREPARE'));
        return false;
      }
      case 'EXECUTE':
        return this.#executeBySql(this.#statement(words[1] ?? '').sql, via, next);
      case 'DEALLOCATE':
        if (!this.#statements.delete(words[1] ?? '')) fail('26000', 'no such statement');
        this.#out(complete('DEALLOCATE'));
        return false;
      case 'DECLARE': {
        const [, name = '', body = ''] = /^DECLARE (\w+) CURSOR FOR (.*)$/s.exec(sql) ?? [];
        if (this.#block !== 'T') fail('25P01', 'DECLARE CURSOR needs a transaction block');
        if (this.#portals.has(name)) fail('42P03', 'cursor exists');
        this.#portals.set(name, { sql: body, path: this.path, cursor: true, left: rowsOf(body) });
        this.#out(complete('DECLARE CURSOR'));
        return false;
      }
      case 'FETCH':
        return this.#fetch(words.at(-1) ?? '', tell);
      case 'CLOSE':
        if (!this.#portals.delete(words[1] ?? '')) fail('34000', 'no such cursor');
        this.#out(complete('CLOSE CURSOR'));
        return false;
      case 'COPY':
        return this.#copy(sql, via, next);
      default:
        return fail('42601', `syntax error at or near "${verb}"`);
    }
  }

  #executeBySql(sql: string, via: 'query' | 'execute', next: () => void): boolean {
    if (!/^(SELECT|INSERT)/.test(sql)) fail('42601', 'not a plan');
    this.#note(sql, this.path);
    return this.#run(sql, via, rowsOf(sql), next);
  }

  #select(sql: string, tell: boolean, left: number): boolean {
    const setting = /set_config\('search_path', '(\w+)', (true|false)\)/.exec(sql);
    if (setting !== null) {
      if (setting[2] === 'true') this.#local = setting[1] ?? '';
      else {
        this.#session = setting[1] ?? '';
        this.#local = null;
      }
    }
    const rows = tell ? rowsOf(sql) : left;
    if (tell) this.#out(rowDescription);
    for (let row = 0; row < rows; row++) this.#out(dataRow('v'));
    this.#out(complete(`SELECT ${rows}`));
    return false;
  }

  #fetch(name: string, tell: boolean): boolean {
    const portal = this.#portal(name);
    this.#note(portal.sql, portal.path);
    const rows = Math.min(1, portal.left);
    portal.left -= rows;
    if (tell) this.#out(rowDescription);
    if (rows > 0) this.#out(dataRow('v'));
    this.#out(complete(`FETCH ${rows}`));
    return false;
  }

  #copy(sql: string, via: 'query' | 'execute', next: () => void): boolean {
    if (/TO STDOUT/i.test(sql)) {
      this.#out(copyOut, copyData('1\n'), copyData('2\n'), copyDone, complete('COPY 2'));
      return false;
    }
    this.#copying = via;
    this.#resume = next;
    this.#out(copyIn);
    this.#flush();
    return true;
  }

  #copyMessage({ tag, body }: Frame): void {
    const via = this.#copying;
    const next = this.#resume;
    const end = (work: () => void): void => {
      this.#copying = null;
      this.#resume = null;
      try {
        work();
      } catch (caught) {
        this.#failed(caught);
        if (via === 'execute') this.#skipping = true;
        else this.#ready();
        return;
      }
      if (via === 'query') next?.();
    };
    switch (tag) {
      case 'd':
        if (new TextDecoder().decode(body).includes('bad'))
          end(() => fail('22P02', 'invalid input'));
        return;
      case 'c':
        return end(() => this.#out(complete('COPY 1')));
      case 'f':
        return end(() => fail('57014', 'COPY from stdin failed'));
      case 'H':
      case 'S':
        return;
      default:
        return end(() => fail('08P01', 'unexpected message during COPY'));
    }
  }
}

const VERBS = new Set(
  'SELECT INSERT BEGIN COMMIT ROLLBACK SET PREPARE EXECUTE DEALLOCATE DECLARE FETCH CLOSE COPY'.split(
    ' ',
  ),
);

/** `SELECT 3 FROM t` has three rows. */
function rowsOf(sql: string): number {
  return Number(/^SELECT (\d+) /.exec(sql)?.[1] ?? 1);
}

function returnsRows(sql: string): boolean {
  return /^(SELECT|FETCH|EXECUTE)/.test(sql);
}
