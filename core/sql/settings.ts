// Which settings (GUCs) a session may change. One allow-list for SET, RESET, set_config(), BEGIN … READ WRITE, startup
// options and the rest: what is not listed needs a rule that allows `admin`. Names: PostgreSQL manual, chapter 20.
import type { Denial } from '../decision.ts';

/** What a setting is given. `reset` is the value it had when the session began; the engine checked those at startup. */
export type SettingValue =
  | { readonly kind: 'constant'; readonly text: string }
  | { readonly kind: 'reset' }
  /** Computed when the statement runs. */
  | { readonly kind: 'unknown' };

export type SettingVerdict =
  /** `state`: names resolve differently afterwards, so the server must be asked. */
  | { readonly kind: 'session' | 'admin'; readonly state: boolean }
  | { readonly kind: 'refused'; readonly denial: Denial };

const SESSION: SettingVerdict = { kind: 'session', state: false };
const SESSION_STATE: SettingVerdict = { kind: 'session', state: true };
const ADMIN: SettingVerdict = { kind: 'admin', state: false };
const ADMIN_STATE: SettingVerdict = { kind: 'admin', state: true };

/** Display, time-outs, memory within one session, and the planner: none changes which rows or columns a text reaches. */
const FREE: ReadonlySet<string> = new Set(
  `application_name datestyle timezone intervalstyle extra_float_digits bytea_output client_min_messages
  lc_monetary lc_numeric lc_time default_text_search_config xmlbinary xmloption quote_all_identifiers escape_string_warning
  statement_timeout lock_timeout idle_in_transaction_session_timeout idle_session_timeout transaction_timeout
  tcp_keepalives_idle tcp_keepalives_interval tcp_keepalives_count tcp_user_timeout client_connection_check_interval
  work_mem maintenance_work_mem temp_buffers hash_mem_multiplier effective_cache_size effective_io_concurrency
  maintenance_io_concurrency synchronous_commit synchronize_seqscans check_function_bodies
  transaction_isolation transaction_deferrable default_transaction_isolation default_transaction_deferrable
  default_tablespace temp_tablespaces default_table_access_method default_toast_compression default_statistics_target
  restrict_nonsystem_relation_kind seed
  seq_page_cost random_page_cost cpu_tuple_cost cpu_index_tuple_cost cpu_operator_cost parallel_setup_cost
  parallel_tuple_cost min_parallel_table_scan_size min_parallel_index_scan_size max_parallel_workers
  max_parallel_workers_per_gather max_parallel_maintenance_workers parallel_leader_participation plan_cache_mode
  constraint_exclusion cursor_tuple_fraction from_collapse_limit join_collapse_limit recursive_worktable_factor
  geqo geqo_effort geqo_generations geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold
  jit jit_above_cost jit_inline_above_cost jit_optimize_above_cost jit_expressions jit_tuple_deforming`.split(
    /\s+/,
  ),
);

const isOn = (value: string) => /^(?:t|tr|tru|true|y|ye|yes|on|1)$/i.test(value);
const isOff = (value: string) => /^(?:f|fa|fal|fals|false|n|no|of|off|0)$/i.test(value);

/**
 * Settings that give a text its meaning, switch protection off or load code, with the only values they may take.
 * Without standard_conforming_strings a backslash escapes a quote and the server reads another statement than we parsed;
 * the same holds for encodings whose second byte can be a backslash or a quote.
 */
const GUARDED: Readonly<Record<string, (value: string) => boolean>> = {
  standard_conforming_strings: isOn,
  backslash_quote: (value) => value.toLowerCase() === 'safe_encoding',
  client_encoding: (value) =>
    /^(?:utf8|unicode)$/.test(value.toLowerCase().replace(/[^a-z0-9]/g, '')),
  transform_null_equals: isOff,
  row_security: isOn,
  session_replication_role: (value) => value.toLowerCase() === 'origin',
  allow_system_table_mods: isOff,
  event_triggers: isOn,
  local_preload_libraries: () => false,
  session_preload_libraries: () => false,
  shared_preload_libraries: () => false,
  jit_provider: () => false,
  dynamic_library_path: () => false,
  extension_control_path: () => false,
};

const READ_ONLY: ReadonlySet<string> = new Set([
  'default_transaction_read_only',
  'transaction_read_only',
]);

/** Setting names are case-insensitive to Postgres, quoted or not (guc_name_compare in guc.c). */
export function settingName(name: string): string {
  return name.toLowerCase();
}

/** What becomes of a session that gives `name` this value. `readOnly`: the target is `access: read-only`. */
export function judgeSetting(name: string, value: SettingValue, readOnly: boolean): SettingVerdict {
  const setting = settingName(name);
  if (READ_ONLY.has(setting)) {
    const keeps = value.kind === 'constant' && isOn(value.text);
    return readOnly && !keeps ? { kind: 'refused', denial: readOnlyDenial(setting) } : SESSION;
  }
  if (Object.hasOwn(GUARDED, setting)) {
    if (value.kind === 'reset') return SESSION;
    const allowed = value.kind === 'constant' && GUARDED[setting]?.(value.text) === true;
    return allowed ? SESSION : { kind: 'refused', denial: guardedDenial(setting) };
  }
  if (setting === 'search_path') return SESSION_STATE;
  if (setting === 'role' || setting === 'session_authorization') {
    // Back to the login's own role is where the session began.
    const own = setting === 'role' && value.kind === 'constant' && value.text === 'none';
    return value.kind === 'reset' || own ? SESSION_STATE : ADMIN_STATE;
  }
  return FREE.has(setting) || /^enable_[a-z_]+$/.test(setting) ? SESSION : ADMIN;
}

/** RESET ALL and DISCARD ALL: every setting goes back to its first value at once. */
export function judgeResetAll(readOnly: boolean): SettingVerdict {
  return readOnly ? { kind: 'refused', denial: readOnlyDenial('ALL') } : SESSION_STATE;
}

function guardedDenial(setting: string): Denial {
  return {
    kind: 'deny',
    code: 'guarded_setting',
    rule: null,
    message: `Changing the setting ${shown(setting)} is refused: it gives statements their meaning or protection.`,
    hint: 'Leave it as the gateway set it.',
  };
}

function readOnlyDenial(setting: string): Denial {
  const what = setting === 'ALL' ? 'Resetting all settings' : `Changing ${shown(setting)}`;
  return {
    kind: 'deny',
    code: 'read_only_target',
    rule: null,
    message: `${what} is refused: this target is read-only.`,
    hint: setting === 'ALL' ? 'Reset settings by name.' : '',
  };
}

function shown(setting: string): string {
  return setting.slice(0, 64);
}
