// How far calling a function reaches. Built-in immutable and stable functions read; volatile ones are listed here or the
// call is `opaque`; functions that somebody wrote on this database are always `opaque`, since volatility is only its
// author's claim and the body cannot be seen. PostgreSQL manual, chapter 9 and section 36.7.
import type { SqlEffect } from '../facts.ts';
import { FIRST_USER_OID, type CatalogFunction } from './catalog.ts';
import { graver, type OpaqueReason } from './ledger.ts';

export interface CallClass {
  readonly effect: SqlEffect;
  readonly reason: OpaqueReason | null;
}

const READ: CallClass = { effect: 'read', reason: null };
const WRITE: CallClass = { effect: 'write', reason: null };
const ADMIN: CallClass = { effect: 'admin', reason: null };
const DYNAMIC: CallClass = { effect: 'opaque', reason: 'dynamic_sql' };
const LARGE_OBJECT: CallClass = { effect: 'opaque', reason: 'large_object' };
const VOLATILE: CallClass = { effect: 'opaque', reason: 'volatile_function' };
const USER: CallClass = { effect: 'opaque', reason: 'user_function' };

function table(rows: readonly (readonly [CallClass, string])[]): ReadonlyMap<string, CallClass> {
  return new Map(
    rows.flatMap(([callClass, names]) =>
      names.split(/\s+/).map((name) => [name, callClass] as const),
    ),
  );
}

/** Functions of initdb, by name; overloads share a class. Everything volatile that is missing is opaque. */
const BUILTIN = table([
  // Volatile, and yet no more than a look: time, chance, sleep, sizes, statistics, locks held for the session.
  [
    READ,
    `random random_normal setseed clock_timestamp timeofday gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle
    pg_sleep pg_sleep_for pg_sleep_until currval lastval current_query txid_status pg_xact_status
    pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
    pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared
    pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_export_snapshot
    pg_relation_size pg_table_size pg_indexes_size pg_total_relation_size pg_database_size pg_tablespace_size
    pg_sequence_last_value pg_get_sequence_data pg_partition_tree pg_partition_ancestors
    pg_blocking_pids pg_safe_snapshot_blocking_pids pg_isolation_test_session_is_blocked pg_lock_status
    pg_prepared_xact pg_notification_queue_usage pg_is_in_recovery pg_is_wal_replay_paused
    pg_get_wal_replay_pause_state pg_current_wal_lsn pg_current_wal_insert_lsn pg_current_wal_flush_lsn
    pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_last_committed_xact
    pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_get_multixact_members
    pg_collation_actual_version pg_database_collation_actual_version pg_jit_available pg_current_logfile
    pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system
    pg_get_aios pg_get_backend_memory_contexts pg_get_loaded_modules pg_get_shmem_allocations
    pg_get_shmem_allocations_numa pg_get_wait_events pg_get_wal_resource_managers pg_get_wal_summarizer_state
    pg_show_replication_origin_status pg_stat_clear_snapshot pg_stat_force_next_flush pg_stat_have_stats
    pg_stat_get_backend_io pg_stat_get_backend_wal pg_stat_get_io pg_stat_get_recovery_prefetch
    pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls
    pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans
    pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated
    pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned
    pg_stat_get_xact_tuples_updated`,
  ],
  [
    WRITE,
    `nextval setval pg_notify brin_desummarize_range brin_summarize_new_values brin_summarize_range
    gin_clean_pending_list`,
  ],
  [
    ADMIN,
    `pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old
    pg_read_file pg_read_file_old pg_read_binary_file pg_stat_file pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir
    pg_ls_archive_statusdir pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir
    pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings
    lo_import lo_export
    pg_switch_wal pg_create_restore_point pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup pg_promote
    pg_wal_replay_pause pg_wal_replay_resume pg_log_standby_snapshot pg_log_backend_memory_contexts
    pg_available_wal_summaries pg_wal_summary_contents
    pg_create_logical_replication_slot pg_create_physical_replication_slot pg_copy_logical_replication_slot
    pg_copy_physical_replication_slot pg_drop_replication_slot pg_replication_slot_advance pg_sync_replication_slots
    pg_logical_emit_message pg_logical_slot_get_binary_changes pg_logical_slot_get_changes
    pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes
    pg_replication_origin_advance pg_replication_origin_create pg_replication_origin_drop
    pg_replication_origin_progress pg_replication_origin_session_is_setup pg_replication_origin_session_progress
    pg_replication_origin_session_reset pg_replication_origin_session_setup pg_replication_origin_xact_reset
    pg_replication_origin_xact_setup
    pg_stat_reset pg_stat_reset_backend_stats pg_stat_reset_replication_slot pg_stat_reset_shared
    pg_stat_reset_single_function_counters pg_stat_reset_single_table_counters pg_stat_reset_slru
    pg_stat_reset_subscription_stats pg_clear_attribute_stats pg_clear_relation_stats pg_restore_attribute_stats
    pg_restore_relation_stats pg_import_system_collations pg_extension_config_dump pg_nextoid
    pg_stop_making_pinned_objects`,
  ],
  // They run a text, or read a relation, that is only known when they run. Some of them call themselves stable.
  [
    DYNAMIC,
    `query_to_xml query_to_xml_and_xmlschema query_to_xmlschema cursor_to_xml cursor_to_xmlschema
    table_to_xml table_to_xml_and_xmlschema table_to_xmlschema schema_to_xml schema_to_xml_and_xmlschema
    schema_to_xmlschema database_to_xml database_to_xml_and_xmlschema database_to_xmlschema ts_stat currtid2`,
  ],
  // Large objects hold data that no rule and no mask can name.
  [
    LARGE_OBJECT,
    `lo_creat lo_create lo_from_bytea lo_get lo_put lo_open lo_close lo_lseek lo_lseek64 lo_tell lo_tell64
    lo_truncate lo_truncate64 lo_unlink loread lowrite`,
  ],
]);

/** Functions of well-known extensions that their volatility misjudges. */
const EXTENSION = table([
  [
    READ,
    `pg_stat_statements pg_stat_statements_info pg_buffercache_pages uuid_generate_v1 uuid_generate_v1mc
    uuid_generate_v4 gen_random_uuid gen_random_bytes gen_salt pgp_sym_encrypt pgp_sym_encrypt_bytea
    pgp_pub_encrypt pgp_pub_encrypt_bytea normal_rand set_limit`,
  ],
  [DYNAMIC, 'crosstab crosstab2 crosstab3 crosstab4 connectby xpath_table'],
]);

/** What calling this function does, its arguments apart. set_config is judged by settings.ts as well. */
export function classifyCall(fn: CatalogFunction): CallClass {
  if (fn.oid < FIRST_USER_OID) {
    if (fn.schema === 'pg_catalog') {
      if (fn.name === 'set_config') return READ;
      const listed = BUILTIN.get(fn.name);
      if (listed !== undefined) return listed;
    }
    return fn.volatility === 'v' ? VOLATILE : READ;
  }
  if (!fn.builtin) return USER;
  return EXTENSION.get(fn.name) ?? (fn.volatility === 'v' ? VOLATILE : READ);
}

/** What a call with so many arguments may do, over all overloads of one schema that take them. */
export interface CallSummary {
  /** `schema.name`; null when no overload takes them. */
  readonly label: string | null;
  readonly effect: SqlEffect;
  readonly reasons: readonly OpaqueReason[];
  /** One of them may make or change objects. */
  readonly mayDefine: boolean;
}

const summaries = new WeakMap<readonly CatalogFunction[], Map<number | null, CallSummary>>();

/** Remembered per list, since a catalog gives the same one each time: common names have dozens of overloads. */
export function summarizeCalls(
  overloads: readonly CatalogFunction[],
  count: number | null,
): CallSummary {
  let known = summaries.get(overloads);
  if (known === undefined) {
    known = new Map();
    summaries.set(overloads, known);
  }
  let summary = known.get(count);
  if (summary === undefined) {
    summary = summarize(overloads.filter((fn) => count === null || accepts(fn, count)));
    known.set(count, summary);
  }
  return summary;
}

function summarize(overloads: readonly CatalogFunction[]): CallSummary {
  const [first] = overloads;
  const reasons = new Set<OpaqueReason>();
  let effect: SqlEffect = 'session';
  let mayDefine = false;
  for (const fn of overloads) {
    const call = classifyCall(fn);
    effect = graver(effect, call.effect);
    if (call.reason !== null) reasons.add(call.reason);
    mayDefine ||= call.effect === 'opaque' && fn.volatility === 'v';
  }
  const label = first === undefined ? null : `${first.schema}.${first.name}`;
  return { label, effect, reasons: [...reasons], mayDefine };
}

/** Does this overload take `count` arguments? Lenient: a doubtful overload counts. */
export function accepts(fn: CatalogFunction, count: number): boolean {
  const declared = fn.argTypes.length;
  if (count > declared) return fn.variadic;
  return count >= declared - fn.defaults - (fn.variadic ? 1 : 0);
}
