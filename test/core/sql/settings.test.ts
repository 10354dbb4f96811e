// Every way a session can change a setting, and what becomes of it on ordinary and on read-only targets.
import { describe, expect, it } from 'vitest';
import { judgeSetting, type SettingValue } from '../../../core/sql/settings.ts';
import { check, look, type Row } from './judging.ts';

const rows: readonly Row[] = [
  ["SET application_name = 'x'", 'session', { settings: 'application_name', changes: '' }],
  ['SET DateStyle = ISO, MDY', 'session', { settings: 'datestyle' }],
  ["SET TIME ZONE 'UTC'", 'session', { settings: 'timezone' }],
  ["SET LOCAL TIME ZONE INTERVAL '1' HOUR", 'session', { settings: 'timezone' }],
  ['SET statement_timeout = 0', 'session', { settings: 'statement_timeout' }],
  ['SET enable_seqscan = off', 'session', { settings: 'enable_seqscan' }],
  ["SET work_mem TO '64MB'", 'session', { settings: 'work_mem' }],
  ['RESET work_mem', 'session', { verbs: 'RESET' }],
  ['SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'session'],
  ['SET TRANSACTION READ ONLY', 'session', { settings: 'transaction_read_only' }],
  ["SET TRANSACTION SNAPSHOT '1-1-1'", 'session'],
  ['SET XML OPTION DOCUMENT', 'session', { settings: 'xmloption' }],
  ['RESET ALL', 'session', { settings: 'all', changes: 'state' }],
  // Tracked: names resolve differently afterwards.
  ['SET search_path = audit, public', 'session', { settings: 'search_path', changes: 'state' }],
  ["SET SCHEMA 'audit'", 'session', { settings: 'search_path', changes: 'state' }],
  ['SET LOCAL search_path = audit', 'session', { changes: 'state' }],
  [
    "SELECT set_config('search_path', 'audit', false)",
    'read',
    { settings: 'search_path', changes: 'state' },
  ],
  [
    "SELECT pg_catalog.set_config('search_path', '', false)",
    'read',
    { settings: 'search_path', changes: 'state' },
  ],
  [
    "SELECT set_config('search_path', name, false) FROM customers",
    'read',
    { reads: 'customers', settings: 'search_path', changes: 'state' },
  ],
  ['SET ROLE mallory', 'admin', { settings: 'role', changes: 'state' }],
  [
    'SET SESSION AUTHORIZATION mallory',
    'admin',
    { settings: 'session_authorization', changes: 'state' },
  ],
  ["SELECT set_config('role', 'mallory', false)", 'admin', { settings: 'role', changes: 'state' }],
  ['RESET ROLE', 'session', { settings: 'role', changes: 'state' }],
  ['SET ROLE NONE', 'session', { settings: 'role', changes: 'state' }],
  ['SET SESSION AUTHORIZATION DEFAULT', 'session', { changes: 'state' }],
  // Unlisted ones, and those of extensions.
  ["SET app.tenant = '1'", 'admin', { settings: 'app.tenant', changes: '' }],
  ["SELECT set_config('app.tenant', '1', true)", 'admin', { settings: 'app.tenant' }],
  ['SET log_statement = none', 'admin', { settings: 'log_statement' }],
  ['SET zero_damaged_pages = on', 'admin', { settings: 'zero_damaged_pages' }],
  ["SET password_encryption = 'md5'", 'admin', { settings: 'password_encryption' }],
  // Guarded: they give statements their meaning or protection.
  ['SET standard_conforming_strings = on', 'session'],
  ['SET standard_conforming_strings = true', 'session'],
  ['SET standard_conforming_strings = 1', 'session'],
  ['RESET standard_conforming_strings', 'session'],
  [
    'SET standard_conforming_strings = off',
    'admin',
    { settings: 'standard_conforming_strings', refusal: 'guarded_setting' },
  ],
  ['SET LOCAL standard_conforming_strings TO off', 'admin', { refusal: 'guarded_setting' }],
  [
    'SET "Standard_Conforming_Strings" = off',
    'admin',
    { settings: 'standard_conforming_strings', refusal: 'guarded_setting' },
  ],
  [
    "SELECT set_config('Standard_Conforming_Strings', 'off', false)",
    'admin',
    { settings: 'standard_conforming_strings', refusal: 'guarded_setting' },
  ],
  ["SELECT set_config('standard_conforming_strings', 'on', false)", 'read'],
  [
    "SELECT set_config('standard_conforming_strings', name, false) FROM customers",
    'admin',
    { reads: 'customers', refusal: 'guarded_setting' },
  ],
  [
    "SELECT set_config('standard_conforming_strings', 'on'::text, false)",
    'admin',
    { refusal: 'guarded_setting' },
  ],
  [
    "SELECT set_config(name, 'off', false) FROM customers",
    'opaque',
    { reads: 'customers', opaque: 'dynamic_setting' },
  ],
  ["SELECT set_config($1, 'off', false)", 'opaque', { opaque: 'dynamic_setting' }],
  ["SELECT set_config('work' || '_mem', '1', false)", 'opaque', { opaque: 'dynamic_setting' }],
  [
    "SELECT set_config(setting_name => 'x', new_value => 'off', is_local => false)",
    'opaque',
    { opaque: 'dynamic_setting' },
  ],
  [
    "SELECT set_config(new_value => 'off', setting_name => 'row_security', is_local => false)",
    'opaque',
    { opaque: 'dynamic_setting' },
  ],
  [
    "SELECT 1 FROM customers WHERE set_config('row_security', 'off', false) = 'off'",
    'admin',
    { reads: 'customers', refusal: 'guarded_setting' },
  ],
  [
    "EXPLAIN ANALYZE SELECT set_config('row_security', 'off', false)",
    'admin',
    { refusal: 'guarded_setting' },
  ],
  [
    "PREPARE p AS SELECT set_config('row_security', 'off', false)",
    'admin',
    { refusal: 'guarded_setting' },
  ],
  ["SET client_encoding = 'UTF8'", 'session'],
  ["SET client_encoding TO 'utf-8'", 'session'],
  ["SET NAMES 'UNICODE'", 'session', { settings: 'client_encoding' }],
  ["SET NAMES 'SJIS'", 'admin', { settings: 'client_encoding', refusal: 'guarded_setting' }],
  ["SET client_encoding = 'BIG5'", 'admin', { refusal: 'guarded_setting' }],
  ['SET NAMES DEFAULT', 'session'],
  ['SET backslash_quote = on', 'admin', { refusal: 'guarded_setting' }],
  ['SET transform_null_equals = on', 'admin', { refusal: 'guarded_setting' }],
  ['SET row_security = off', 'admin', { refusal: 'guarded_setting' }],
  ['SET row_security = on', 'session'],
  ['SET session_replication_role = replica', 'admin', { refusal: 'guarded_setting' }],
  ['SET allow_system_table_mods = on', 'admin', { refusal: 'guarded_setting' }],
  ["SET local_preload_libraries = 'evil'", 'admin', { refusal: 'guarded_setting' }],
  ["SET dynamic_library_path = '/tmp'", 'admin', { refusal: 'guarded_setting' }],
  ['SET default_transaction_read_only = off', 'session'],
];

describe('settings of a session', () => {
  it.each(rows)('%s', (sql, effect, expected) => check(look(sql), effect, expected));
});

/** Everything that would let a read-only target write again. */
const UNSETTING = [
  'SET default_transaction_read_only = off',
  'SET default_transaction_read_only = 0',
  'SET LOCAL default_transaction_read_only TO false',
  'SET "DEFAULT_TRANSACTION_READ_ONLY" = off',
  'RESET default_transaction_read_only',
  'SET default_transaction_read_only TO DEFAULT',
  'RESET ALL',
  'DISCARD ALL',
  'SET transaction_read_only = off',
  'BEGIN READ WRITE',
  'START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE',
  'SET TRANSACTION READ WRITE',
  'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
  "SELECT set_config('default_transaction_read_only', 'off', false)",
  "SELECT set_config('transaction_read_only', $1, false)",
  "UPDATE pg_settings SET setting = 'off' WHERE name = 'default_transaction_read_only'",
];

describe('a read-only target', () => {
  it.each(UNSETTING)('refuses %s', (sql) => {
    const code = look(sql, { readOnly: true }).refusal?.code;
    expect(['read_only_target', 'guarded_setting']).toContain(code);
  });

  it.each([
    'INSERT INTO orders (id) VALUES (1)',
    'SELECT 1 FROM orders FOR UPDATE',
    "SELECT nextval('invoice_seq')",
    'CREATE TEMP TABLE t (a int)',
    'SELECT purge_customer(1)',
    'DO $$ BEGIN END $$',
    'SET ROLE mallory',
    'COPY orders FROM STDIN',
    'EXPLAIN ANALYZE DELETE FROM orders',
    'WITH gone AS (DELETE FROM orders RETURNING 1) SELECT 1',
    'PREPARE p AS DELETE FROM orders',
    'DECLARE c CURSOR FOR SELECT purge_customer(1)',
    'NOTIFY a',
  ])('refuses %s', (sql) => {
    expect(look(sql, { readOnly: true }).refusal?.code).toBe('read_only_target');
  });

  it.each([
    'SELECT * FROM orders',
    'SET default_transaction_read_only = on',
    'BEGIN READ ONLY',
    'BEGIN',
    'ROLLBACK',
    'SET search_path = audit',
    'EXPLAIN DELETE FROM orders',
    'SHOW ALL',
    'RESET work_mem',
    'DECLARE c CURSOR FOR SELECT 1',
  ])('allows %s', (sql) => {
    expect(look(sql, { readOnly: true }).refusal).toBeNull();
  });
});

describe('judgeSetting', () => {
  const constant = (text: string): SettingValue => ({ kind: 'constant', text });

  it.each([
    ['application_name', constant('psql'), 'session'],
    ['APPLICATION_NAME', constant('psql'), 'session'],
    ['search_path', constant('x'), 'session'],
    ['options', constant('-c x=y'), 'admin'],
    ['session_preload_libraries', constant('x'), 'refused'],
    ['client_encoding', constant('LATIN1'), 'refused'],
    ['client_encoding', { kind: 'unknown' }, 'refused'],
    ['constructor', constant('x'), 'admin'],
    ['__proto__', constant('x'), 'admin'],
  ] as const)('%s %o is %s', (name, value, kind) => {
    expect(judgeSetting(name, value, false).kind).toBe(kind);
  });

  it('never lets a refusal quote more than a name', () => {
    const verdict = judgeSetting('client_encoding', constant('secret-value'), false);
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });
});
