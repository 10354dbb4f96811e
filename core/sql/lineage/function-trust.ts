// Which functions tell of nothing but their arguments, the clock, the session and the catalog. Built-in immutable ones do;
// of the built-in stable and volatile ones those listed here, each reviewed (candidates: pg_proc of Postgres 18). What is
// missing is refused where masks are, above all: query_to_xml and kin, cursor_to_xml, ts_stat, ts_rewrite(tsquery, text),
// lo_*, pg_read_*, pg_ls_*, pg_stat_get_activity, pg_logical_*, pg_get_wal_*, pg_hba_file_rules. PostgreSQL manual, chapter 9.
import { FIRST_USER_OID, type CatalogFunction } from '../catalog.ts';

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** What comes back is made of the arguments, at most with time zone, locale or encoding. */
const VALUES = words(`
  age anytextcat textanycat array_to_json array_to_string concat concat_ws convert convert_from convert_to
  date date_add date_part date_subtract date_trunc extract interval_pl_timestamptz make_timestamptz
  timestamptz_mi_interval timestamptz_pl_interval
  date_cmp_timestamptz date_eq_timestamptz date_ge_timestamptz date_gt_timestamptz date_le_timestamptz
  date_lt_timestamptz date_ne_timestamptz timestamp_cmp_timestamptz timestamp_eq_timestamptz
  timestamp_ge_timestamptz timestamp_gt_timestamptz timestamp_le_timestamptz timestamp_lt_timestamptz
  timestamp_ne_timestamptz timestamptz_cmp_date timestamptz_cmp_timestamp timestamptz_eq_date
  timestamptz_eq_timestamp timestamptz_ge_date timestamptz_ge_timestamp timestamptz_gt_date
  timestamptz_gt_timestamp timestamptz_le_date timestamptz_le_timestamp timestamptz_lt_date
  timestamptz_lt_timestamp timestamptz_ne_date timestamptz_ne_timestamp
  enum_first enum_last enum_range format generate_series in_range length money numeric overlaps
  json_agg json_agg_strict json_build_array json_build_object json_object_agg json_object_agg_strict
  json_object_agg_unique json_object_agg_unique_strict json_populate_record json_populate_recordset json_to_record
  json_to_recordset json_to_tsvector jsonb_agg jsonb_agg_strict jsonb_build_array jsonb_build_object
  jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
  jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz jsonb_path_query_first_tz jsonb_path_query_tz
  jsonb_populate_record jsonb_populate_record_valid jsonb_populate_recordset jsonb_to_record jsonb_to_recordset
  jsonb_to_tsvector pg_column_compression pg_column_size pg_input_error_info pg_input_is_valid pg_typeof
  pg_collation_for phraseto_tsquery plainto_tsquery quote_ident quote_literal quote_nullable row_to_json
  string_agg time timestamp timestamptz timetz timezone to_char to_date to_json to_jsonb to_number to_timestamp
  to_tsquery to_tsvector ts_debug ts_headline ts_match_tq ts_match_tt ts_parse ts_token_type websearch_to_tsquery
  xml xml_is_well_formed array_sample array_shuffle`);

/** Clock, chance and the session itself. */
const SESSION = words(`
  clock_timestamp now statement_timestamp timeofday transaction_timestamp
  gen_random_uuid random random_normal uuidv4 uuidv7 setseed
  current_database current_query current_schema current_schemas current_setting current_user session_user system_user
  getpgusername get_current_ts_config getdatabaseencoding inet_client_addr inet_client_port inet_server_addr
  inet_server_port pg_backend_pid pg_client_encoding pg_my_temp_schema pg_is_other_temp_schema pg_trigger_depth
  pg_listening_channels pg_cursor pg_prepared_statement set_config pg_notify version
  pg_current_snapshot pg_current_xact_id pg_current_xact_id_if_assigned pg_export_snapshot pg_xact_status
  txid_current txid_current_if_assigned txid_current_snapshot txid_status mxid_age
  pg_sleep pg_sleep_for pg_sleep_until currval lastval nextval setval
  pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
  pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared
  pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared`);

/** Names, definitions, rights, sizes and counters: the catalog's own knowledge, none of it a table's values. */
const CATALOG = words(`
  aclexplode col_description format_type has_any_column_privilege has_column_privilege has_database_privilege
  has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege has_largeobject_privilege
  has_parameter_privilege has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege
  has_tablespace_privilege has_type_privilege obj_description oidvectortypes pg_available_extension_versions
  pg_available_extensions pg_basetype pg_char_to_encoding pg_encoding_to_char pg_collation_is_visible
  pg_column_is_updatable pg_conf_load_time pg_conversion_is_visible pg_describe_object pg_extension_update_paths
  pg_filenode_relation pg_function_is_visible pg_get_acl pg_get_catalog_foreign_keys pg_get_constraintdef pg_get_expr
  pg_get_function_arg_default pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result
  pg_get_function_sqlbody pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_object_address
  pg_get_partition_constraintdef pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index
  pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef pg_get_statisticsobjdef_columns
  pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role pg_identify_object
  pg_identify_object_as_address pg_index_column_has_property pg_index_has_property pg_indexam_has_property
  pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table pg_postmaster_start_time
  pg_relation_filenode pg_relation_filepath pg_relation_is_publishable pg_relation_is_updatable pg_sequence_parameters
  pg_settings_get_flags pg_show_all_settings pg_statistics_obj_is_visible pg_table_is_visible pg_tablespace_databases
  pg_tablespace_location pg_timezone_abbrevs_abbrevs pg_timezone_abbrevs_zone pg_timezone_names pg_ts_config_is_visible
  pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible regclass
  row_security_active shobj_description to_regclass to_regcollation to_regnamespace to_regoper to_regoperator
  to_regproc to_regprocedure to_regrole to_regtype to_regtypemod
  pg_blocking_pids pg_safe_snapshot_blocking_pids pg_collation_actual_version pg_database_collation_actual_version
  pg_database_size pg_indexes_size pg_relation_size pg_table_size pg_tablespace_size pg_total_relation_size
  pg_is_in_recovery pg_jit_available pg_lock_status pg_partition_ancestors pg_partition_tree pg_sequence_last_value
  pg_get_sequence_data pg_notification_queue_usage pg_current_wal_lsn pg_current_wal_insert_lsn pg_current_wal_flush_lsn
  pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_stat_get_numscans pg_stat_get_tuples_returned
  pg_stat_get_tuples_fetched pg_stat_get_tuples_inserted pg_stat_get_tuples_updated pg_stat_get_tuples_deleted
  pg_stat_get_live_tuples pg_stat_get_dead_tuples pg_stat_get_blocks_fetched pg_stat_get_blocks_hit
  pg_stat_get_last_analyze_time pg_stat_get_last_autoanalyze_time pg_stat_get_last_vacuum_time
  pg_stat_get_last_autovacuum_time pg_stat_get_backend_pid pg_stat_get_backend_idset pg_stat_get_backend_start
  _pg_index_position`);

/** Functions of extensions that are volatile only because they draw random numbers. */
const EXTENSION = new Set(
  words(`gen_random_bytes gen_random_uuid gen_salt uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4
  normal_rand pgp_sym_encrypt pgp_sym_encrypt_bytea pgp_pub_encrypt pgp_pub_encrypt_bytea`),
);

/** Extensions' functions that read what their arguments name: no policy can vouch for a result that may be anything. */
const REACHING =
  /^(?:dblink|crosstab|connectby|xpath_table|get_raw_page|heap_page|bt_page|pg_read|pg_ls|pg_file|lo_|pg_stat_statements|pg_stat_monitor|postgres_fdw|pg_logical|pg_walinspect|pg_get_wal|pg_dirtyread|table_log|tuple_data_split|pgrowlocks|pg_visibility|verify_|http)/;

export const TRUSTED: ReadonlySet<string> = new Set([...VALUES, ...SESSION, ...CATALOG]);

/** They keep or send their arguments where masks do not reach: an argument is stored. */
export const SINKS: ReadonlySet<string> = new Set(
  words(`set_config pg_notify setval setseed pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock
  pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
  pg_try_advisory_xact_lock_shared pg_advisory_unlock pg_advisory_unlock_shared`),
);

/** untrusted: the policy may vouch for it. refused: nobody can. */
export type Trust = 'trusted' | 'untrusted' | 'refused';

export function trustOf(fn: CatalogFunction): Trust {
  if (fn.oid < FIRST_USER_OID) {
    return fn.volatility === 'i' || TRUSTED.has(fn.name) ? 'trusted' : 'refused';
  }
  if (!fn.builtin) return 'untrusted';
  if (REACHING.test(fn.name)) return 'refused';
  return fn.volatility === 'i' || EXTENSION.has(fn.name) ? 'trusted' : 'untrusted';
}
