// Which parameters a session may start with, and what the target is told. Settings are judged by core/sql/settings.ts, as
// a SET of them would be: nothing may be smuggled in before the first statement.
// @see protocol-message-formats StartupMessage, and runtime-config "Parameter Interaction via the Shell" for `options`
import { judgeSetting } from '../sql/settings.ts';
import { PROTOCOL_3_0, PROTOCOL_3_2 } from './startup.ts';

/** A session that must not start: SQLSTATE and sentence for the client, code for the journal. */
export interface StartupRefusal {
  readonly sqlstate: string;
  readonly message: string;
  readonly code: 'target_unknown' | 'guarded_setting' | 'read_only_target' | 'protocol_refused';
}

export interface StartupRequest {
  /** The version that is spoken with this client. */
  readonly version: typeof PROTOCOL_3_0 | typeof PROTOCOL_3_2;
  /** Whether the client asked for more than that, and must be told. */
  readonly negotiate: boolean;
  /** `_pq_.` options, none of which this gateway knows. */
  readonly unknownOptions: readonly string[];
  /** What the client calls itself. */
  readonly applicationName: string;
  /** Settings that are passed on to the target, by name; the client's words. */
  readonly settings: ReadonlyMap<string, string>;
  readonly refusal: StartupRefusal | null;
}

export interface StartupTarget {
  readonly id: string;
  readonly database: string;
  readonly readOnly: boolean;
}

/** Null when the major version is not 3: nothing can be said in a protocol we do not speak. */
export function judgeStartup(
  version: number,
  parameters: readonly (readonly [string, string])[],
  target: StartupTarget,
): StartupRequest | null {
  if (version >>> 16 !== 3) return null;
  const unknownOptions: string[] = [];
  const settings = new Map<string, string>();
  let user = '';
  let database = '';
  let refusal: StartupRefusal | null = null;
  const set = (name: string, value: string): void => {
    refusal ??= settingRefusal(name, value, target.readOnly);
    settings.set(name.toLowerCase(), value);
  };
  for (const [name, value] of parameters) {
    switch (name) {
      case 'user':
        user = value;
        break;
      case 'database':
        database = value;
        break;
      case 'replication':
        if (!/^(?:false|off|no|0)$/i.test(value)) refusal ??= REPLICATION;
        break;
      case 'options': {
        const options = parseOptions(value);
        if (options === null) refusal ??= OPTIONS;
        else for (const [option, given] of options) set(option, given);
        break;
      }
      default:
        if (name.startsWith('_pq_.')) unknownOptions.push(name);
        else set(name, value);
    }
  }
  if (user === '') refusal ??= NO_USER;
  // libpq sends the user name as database when none is given, so that name stands for «none».
  if (!['', user, target.database, target.id].includes(database)) refusal ??= noDatabase(database);
  const applicationName = settings.get('application_name') ?? '';
  settings.delete('application_name');
  settings.delete('client_encoding');
  return {
    version: version >= PROTOCOL_3_2 ? PROTOCOL_3_2 : PROTOCOL_3_0,
    negotiate: (version !== PROTOCOL_3_0 && version !== PROTOCOL_3_2) || unknownOptions.length > 0,
    unknownOptions,
    applicationName,
    settings,
    refusal,
  };
}

/** What the gateway itself sends to the target as parameters. */
export function targetParameters(
  request: StartupRequest,
  login: { readonly user: string; readonly database: string },
  readOnly: boolean,
): Map<string, string> {
  const parameters = new Map([
    ['user', login.user],
    ['database', login.database],
  ]);
  for (const [name, value] of request.settings) parameters.set(name, value);
  // Ours come last: none of them is the client's to choose.
  parameters.set('client_encoding', 'UTF8');
  parameters.set('application_name', `postern ${request.applicationName.slice(0, 64)}`.trimEnd());
  if (readOnly) parameters.set('default_transaction_read_only', 'on');
  return parameters;
}

/**
 * `-c name=value`, `-cname=value` and `--name=value`, separated by spaces that a backslash takes literally; null for
 * anything else, the server's other switches included. @see app-postgres, "Options"
 */
export function parseOptions(options: string): (readonly [name: string, value: string])[] | null {
  const settings: (readonly [string, string])[] = [];
  const words = splitOptions(options);
  for (let at = 0; at < words.length; at++) {
    let word = words[at] ?? '';
    if (word === '-c') {
      at += 1;
      word = words[at] ?? '';
    } else if (word.startsWith('-c') || word.startsWith('--')) {
      word = word.slice(2);
    } else {
      return null;
    }
    const equals = word.indexOf('=');
    if (equals <= 0) return null;
    // As ParseLongOption does: dashes of the name stand for underscores.
    settings.push([word.slice(0, equals).replaceAll('-', '_'), word.slice(equals + 1)]);
  }
  return settings;
}

/** Words as pg_split_opts makes them. */
function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < options.length; at++) {
    let char = options.charAt(at);
    if (/[ \t\n\v\f\r]/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    if (char === '\\') {
      at += 1;
      char = options.charAt(at);
    }
    word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  return words;
}

/** Names as Postgres writes them; anything else would be an error there, and is not worth guessing here. */
const SETTING_NAME = /^[a-z_][a-z0-9_$]*(?:\.[a-z_][a-z0-9_$]*)?$/i;

function settingRefusal(name: string, value: string, readOnly: boolean): StartupRefusal | null {
  if (!SETTING_NAME.test(name)) return notAllowed('of that name');
  const verdict = judgeSetting(name, { kind: 'constant', text: value }, readOnly);
  switch (verdict.kind) {
    case 'session':
      return null;
    case 'refused': {
      const { code, message } = verdict.denial;
      return {
        sqlstate: '42501',
        message,
        code: code === 'read_only_target' ? code : 'guarded_setting',
      };
    }
    default:
      return notAllowed(`"${name.slice(0, 64)}"`);
  }
}

function notAllowed(which: string): StartupRefusal {
  return {
    sqlstate: '42501',
    message: `A session cannot start with the setting ${which}: set it afterwards, where a rule can judge it.`,
    code: 'guarded_setting',
  };
}

const REPLICATION: StartupRefusal = {
  sqlstate: '42501',
  message: 'Replication connections are refused.',
  code: 'protocol_refused',
};

const OPTIONS: StartupRefusal = {
  sqlstate: '42501',
  message: 'Only settings (-c name=value) are allowed in the startup options.',
  code: 'guarded_setting',
};

const NO_USER: StartupRefusal = {
  sqlstate: '28000',
  message: 'No user name was given in the startup packet.',
  code: 'protocol_refused',
};

function noDatabase(database: string): StartupRefusal {
  return {
    sqlstate: '3D000',
    message: `Database "${database.slice(0, 63)}" is not what this target serves; leave the name out.`,
    code: 'target_unknown',
  };
}
