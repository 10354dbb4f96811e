// Statements that define: CREATE, ALTER, DROP and the maintenance commands. They are `schema`, or `admin` when they are
// about rights, roles, servers, files or the whole cluster. The tables they name stand in `writes`, others they refer to
// in `reads`. Every statement of the parser stands here, in session-control.ts, commands.ts or walk.ts, or is opaque.
import type { SqlEffect } from '../facts.ts';
import type { StatementAnalysis } from './analysis.ts';
import { calledIn, relationsIn } from './definition-parts.ts';
import { isOnTable, isRelationType, objectEffect, objectWords } from './object-words.ts';
import { as, nameParts, text } from './parse.ts';
import type { AlterTableCmd, Ast, Node, NodeTag, RangeVar, VariableSetStmt } from './parse.ts';
import { settingName } from './settings.ts';

type Define<T extends NodeTag> = (analysis: StatementAnalysis, node: Ast<T>) => void;

/** A statement that needs no look at its parts. */
function plain(verb: string, effect: SqlEffect): (analysis: StatementAnalysis) => void {
  return (analysis) => begin(analysis, verb, effect);
}

function begin(analysis: StatementAnalysis, verb: string, effect: SqlEffect): void {
  const { ledger } = analysis;
  ledger.verb = verb;
  ledger.raise(effect);
  ledger.changes.push({ kind: 'catalog' });
}

export const DEFINITIONS: { readonly [T in NodeTag]?: Define<T> } = {
  CreateStmt: (analysis, node) => {
    begin(analysis, 'CREATE TABLE', 'schema');
    createRelation(analysis, node.relation, 'r', writtenColumns(node));
    if (node.oncommit === 'ONCOMMIT_DROP') {
      analysis.names.pending.dropOnCommit(node.relation?.relname ?? '');
    }
    relationsIn(analysis, [node.tableElts, node.inhRelations, node.constraints]);
    calledIn(analysis, node, false);
  },
  CreateForeignTableStmt: (analysis, node) => {
    begin(analysis, 'CREATE FOREIGN TABLE', 'admin');
    createRelation(analysis, node.base?.relation, 'f', null);
  },
  CreateSeqStmt: (analysis, node) => {
    begin(analysis, 'CREATE SEQUENCE', 'schema');
    createRelation(analysis, node.sequence, 'S', ['last_value', 'log_cnt', 'is_called']);
  },
  AlterSeqStmt: (analysis, node) => {
    begin(analysis, 'ALTER SEQUENCE', 'schema');
    onRelation(analysis, node.sequence, node.missing_ok === true);
  },
  AlterTableStmt: (analysis, node) => {
    begin(analysis, `ALTER ${objectWords(node.objtype)}`, objectEffect(node.objtype));
    const optional = node.missing_ok === true || node.objtype === 'OBJECT_INDEX';
    const label = onRelation(analysis, node.relation, optional);
    relationsIn(analysis, node.cmds);
    calledIn(analysis, node.cmds, true);
    const { pending } = analysis.names;
    for (const entry of node.cmds ?? []) {
      const subtype = as(entry, 'AlterTableCmd')?.subtype;
      if (ADMIN_ALTERATIONS.has(subtype)) analysis.ledger.raise('admin');
      if (MEANING_ALTERATIONS.has(subtype)) pending.change(node.relation?.relname ?? '');
    }
    if (label !== null) pending.alter(label);
  },
  DropStmt: drop,
  RenameStmt: (analysis, node) => {
    begin(analysis, `ALTER ${objectWords(node.renameType)}`, objectEffect(node.renameType));
    const { pending } = analysis.names;
    const optional = node.missing_ok === true || node.renameType === 'OBJECT_INDEX';
    const label =
      node.relation === undefined ? null : onRelation(analysis, node.relation, optional);
    if (node.renameType === 'OBJECT_SCHEMA') return changeSchemas(analysis);
    if (node.renameType === 'OBJECT_COLUMN' && label !== null) return pending.alter(label);
    pending.change(node.relation?.relname ?? lastName(node.object));
    pending.change(node.newname ?? '');
  },
  AlterObjectSchemaStmt: (analysis, node) => {
    begin(analysis, `ALTER ${objectWords(node.objectType)}`, objectEffect(node.objectType));
    if (node.relation !== undefined) onRelation(analysis, node.relation, node.missing_ok === true);
    analysis.names.pending.change(node.relation?.relname ?? lastName(node.object));
  },
  AlterOwnerStmt: (analysis, node) => {
    begin(analysis, `ALTER ${objectWords(node.objectType)}`, 'admin');
    if (node.relation !== undefined) onRelation(analysis, node.relation, true);
  },
  CommentStmt: plain('COMMENT', 'schema'),
  IndexStmt: (analysis, node) => {
    begin(analysis, 'CREATE INDEX', 'schema');
    onRelation(analysis, node.relation, false);
    calledIn(analysis, [node.indexParams, node.whereClause], true);
  },
  CreateStatsStmt: (analysis, node) => {
    begin(analysis, 'CREATE STATISTICS', 'schema');
    relationsIn(analysis, node.relations);
    calledIn(analysis, node.exprs, true);
  },
  CreateTrigStmt: (analysis, node) => {
    begin(analysis, 'CREATE TRIGGER', 'schema');
    onRelation(analysis, node.relation, false);
    calledIn(analysis, node.whenClause, false);
  },
  RuleStmt: (analysis, node) => {
    begin(analysis, 'CREATE RULE', 'schema');
    onRelation(analysis, node.relation, false);
    relationsIn(analysis, node.actions);
    calledIn(analysis, [node.actions, node.whereClause], false);
    analysis.names.pending.change(node.relation?.relname ?? '');
  },
  CreatePolicyStmt: (analysis, node) => {
    begin(analysis, 'CREATE POLICY', 'admin');
    onRelation(analysis, node.table, false);
  },
  AlterPolicyStmt: (analysis, node) => {
    begin(analysis, 'ALTER POLICY', 'admin');
    onRelation(analysis, node.table, false);
  },
  CreateFunctionStmt: (analysis, node) => {
    const kind = node.is_procedure === true ? 'PROCEDURE' : 'FUNCTION';
    const language = (node.options ?? []).flatMap((option) => {
      const element = as(option, 'DefElem');
      return element?.defname === 'language' ? text(element.arg) : [];
    });
    // C and the untrusted languages reach the server's machine; a body without a language is SQL.
    const trusted = language.every((name) => ['sql', 'plpgsql'].includes(name.toLowerCase()));
    begin(analysis, `CREATE ${kind}`, trusted ? 'schema' : 'admin');
    analysis.names.pending.change(nameParts(node.funcname).at(-1) ?? '');
  },
  AlterFunctionStmt: (analysis, node) => {
    begin(analysis, `ALTER ${objectWords(node.objtype)}`, 'schema');
    analysis.names.pending.change(nameParts(node.func?.objname).at(-1) ?? '');
  },
  DefineStmt: (analysis, node) => {
    begin(analysis, `CREATE ${objectWords(node.kind)}`, 'schema');
    analysis.names.pending.change(nameParts(node.defnames).at(-1) ?? '');
  },
  CreateDomainStmt: (analysis, node) => {
    begin(analysis, 'CREATE DOMAIN', 'schema');
    calledIn(analysis, node.constraints, false);
    analysis.names.pending.change(nameParts(node.domainname).at(-1) ?? '');
  },
  AlterDomainStmt: (analysis, node) => {
    begin(analysis, 'ALTER DOMAIN', 'schema');
    calledIn(analysis, node.def, true);
    analysis.names.pending.change(nameParts(node.typeName).at(-1) ?? '');
  },
  CompositeTypeStmt: (analysis, node) => {
    begin(analysis, 'CREATE TYPE', 'schema');
    analysis.names.pending.createType(node.typevar?.relname ?? '');
  },
  CreateEnumStmt: (analysis, node) => {
    begin(analysis, 'CREATE TYPE', 'schema');
    analysis.names.pending.createType(nameParts(node.typeName).at(-1) ?? '');
  },
  CreateRangeStmt: (analysis, node) => {
    begin(analysis, 'CREATE TYPE', 'schema');
    analysis.names.pending.change(nameParts(node.typeName).at(-1) ?? '');
  },
  AlterEnumStmt: plain('ALTER TYPE', 'schema'),
  AlterTypeStmt: plain('ALTER TYPE', 'schema'),
  CreateCastStmt: (analysis) => {
    begin(analysis, 'CREATE CAST', 'schema');
    // Which expressions it slips into depends on their types.
    analysis.names.pending.changeEverything();
  },
  CreateSchemaStmt: (analysis, node) => {
    begin(analysis, 'CREATE SCHEMA', 'schema');
    analysis.ledger.changes.push({ kind: 'state' });
    // A schema of the path that was missing until now comes to life.
    analysis.ledger.movesPath = true;
    for (const element of node.schemaElts ?? []) calledIn(analysis, element, false);
    if (node.schemaElts !== undefined) analysis.names.pending.changeEverything();
  },
  CreateOpClassStmt: plain('CREATE OPERATOR CLASS', 'schema'),
  CreateOpFamilyStmt: plain('CREATE OPERATOR FAMILY', 'schema'),
  AlterOpFamilyStmt: plain('ALTER OPERATOR FAMILY', 'schema'),
  AlterOperatorStmt: plain('ALTER OPERATOR', 'schema'),
  AlterCollationStmt: plain('ALTER COLLATION', 'schema'),
  AlterStatsStmt: plain('ALTER STATISTICS', 'schema'),
  AlterObjectDependsStmt: plain('ALTER OBJECT', 'schema'),
  AlterTSDictionaryStmt: plain('ALTER TEXT SEARCH DICTIONARY', 'schema'),
  AlterTSConfigurationStmt: plain('ALTER TEXT SEARCH CONFIGURATION', 'schema'),
  CreateEventTrigStmt: plain('CREATE EVENT TRIGGER', 'schema'),
  AlterEventTrigStmt: plain('ALTER EVENT TRIGGER', 'schema'),
  VacuumStmt: (analysis, node) => {
    begin(analysis, node.is_vacuumcmd === true ? 'VACUUM' : 'ANALYZE', 'schema');
    for (const entry of node.rels ?? []) {
      onRelation(analysis, as(entry, 'VacuumRelation')?.relation, false);
    }
  },
  ClusterStmt: (analysis, node) => {
    begin(analysis, 'CLUSTER', 'schema');
    if (node.relation !== undefined) onRelation(analysis, node.relation, false);
  },
  ReindexStmt: (analysis, node) => {
    begin(analysis, 'REINDEX', 'schema');
    if (node.kind === 'REINDEX_OBJECT_TABLE') onRelation(analysis, node.relation, false);
  },
  // Rights, roles, servers, files, the cluster.
  GrantStmt: (analysis, node) => {
    begin(analysis, node.is_grant === true ? 'GRANT' : 'REVOKE', 'admin');
    // A schema without USAGE is left out of the search path.
    analysis.ledger.movesPath = true;
    analysis.ledger.changes.push({ kind: 'state' });
  },
  GrantRoleStmt: (analysis, node) => {
    begin(analysis, node.is_grant === true ? 'GRANT ROLE' : 'REVOKE ROLE', 'admin');
    analysis.ledger.movesPath = true;
    analysis.ledger.changes.push({ kind: 'state' });
  },
  AlterDefaultPrivilegesStmt: plain('ALTER DEFAULT PRIVILEGES', 'admin'),
  CreateRoleStmt: plain('CREATE ROLE', 'admin'),
  AlterRoleStmt: plain('ALTER ROLE', 'admin'),
  AlterRoleSetStmt: (analysis, node) => lasting(analysis, 'ALTER ROLE', node.setstmt),
  DropRoleStmt: plain('DROP ROLE', 'admin'),
  DropOwnedStmt: plain('DROP OWNED', 'admin'),
  ReassignOwnedStmt: plain('REASSIGN OWNED', 'admin'),
  SecLabelStmt: plain('SECURITY LABEL', 'admin'),
  CreatedbStmt: plain('CREATE DATABASE', 'admin'),
  AlterDatabaseStmt: plain('ALTER DATABASE', 'admin'),
  AlterDatabaseSetStmt: (analysis, node) => lasting(analysis, 'ALTER DATABASE', node.setstmt),
  AlterDatabaseRefreshCollStmt: plain('ALTER DATABASE', 'admin'),
  DropdbStmt: plain('DROP DATABASE', 'admin'),
  CreateTableSpaceStmt: plain('CREATE TABLESPACE', 'admin'),
  AlterTableSpaceOptionsStmt: plain('ALTER TABLESPACE', 'admin'),
  AlterTableMoveAllStmt: plain('ALTER TABLE', 'admin'),
  DropTableSpaceStmt: plain('DROP TABLESPACE', 'admin'),
  AlterSystemStmt: (analysis, node) => lasting(analysis, 'ALTER SYSTEM', node.setstmt),
  CheckPointStmt: plain('CHECKPOINT', 'admin'),
  LoadStmt: plain('LOAD', 'admin'),
  CreateExtensionStmt: everything('CREATE EXTENSION'),
  AlterExtensionStmt: everything('ALTER EXTENSION'),
  AlterExtensionContentsStmt: everything('ALTER EXTENSION'),
  CreatePLangStmt: plain('CREATE LANGUAGE', 'admin'),
  CreateAmStmt: plain('CREATE ACCESS METHOD', 'admin'),
  CreateTransformStmt: plain('CREATE TRANSFORM', 'admin'),
  CreateConversionStmt: plain('CREATE CONVERSION', 'admin'),
  CreateFdwStmt: plain('CREATE FOREIGN DATA WRAPPER', 'admin'),
  AlterFdwStmt: plain('ALTER FOREIGN DATA WRAPPER', 'admin'),
  CreateForeignServerStmt: plain('CREATE SERVER', 'admin'),
  AlterForeignServerStmt: plain('ALTER SERVER', 'admin'),
  CreateUserMappingStmt: plain('CREATE USER MAPPING', 'admin'),
  AlterUserMappingStmt: plain('ALTER USER MAPPING', 'admin'),
  DropUserMappingStmt: plain('DROP USER MAPPING', 'admin'),
  ImportForeignSchemaStmt: everything('IMPORT FOREIGN SCHEMA'),
  CreatePublicationStmt: plain('CREATE PUBLICATION', 'admin'),
  AlterPublicationStmt: plain('ALTER PUBLICATION', 'admin'),
  CreateSubscriptionStmt: plain('CREATE SUBSCRIPTION', 'admin'),
  AlterSubscriptionStmt: plain('ALTER SUBSCRIPTION', 'admin'),
  DropSubscriptionStmt: plain('DROP SUBSCRIPTION', 'admin'),
};

const ADMIN_ALTERATIONS: ReadonlySet<AlterTableCmd['subtype']> = new Set([
  'AT_ChangeOwner',
  'AT_EnableRowSecurity',
  'AT_DisableRowSecurity',
  'AT_ForceRowSecurity',
  'AT_NoForceRowSecurity',
  'AT_EnableReplicaTrig',
  'AT_EnableReplicaRule',
] as const);

/** After these, reading or writing the table reaches other tables or code than the catalog says. */
const MEANING_ALTERATIONS: ReadonlySet<AlterTableCmd['subtype']> = new Set([
  'AT_AddInherit',
  'AT_DropInherit',
  'AT_AttachPartition',
  'AT_DetachPartition',
  'AT_EnableRule',
  'AT_EnableAlwaysRule',
  'AT_EnableReplicaRule',
  'AT_DisableRule',
] as const);

/** A setting for sessions to come. */
function lasting(
  analysis: StatementAnalysis,
  verb: string,
  setting: VariableSetStmt | undefined,
): void {
  begin(analysis, verb, 'admin');
  if (setting?.name !== undefined) analysis.ledger.settings.add(settingName(setting.name));
}

function everything(verb: string): (analysis: StatementAnalysis) => void {
  return (analysis) => {
    begin(analysis, verb, 'admin');
    analysis.names.pending.changeEverything();
  };
}

function drop(analysis: StatementAnalysis, node: Ast<'DropStmt'>): void {
  const type = node.removeType;
  begin(analysis, `DROP ${objectWords(type)}`, objectEffect(type));
  if (type === 'OBJECT_SCHEMA') return changeSchemas(analysis);
  for (const object of node.objects ?? []) {
    const parts = objectName(object);
    if (isOnTable(type)) {
      onRelation(analysis, rangeVar(parts.slice(0, -1)), true);
      if (type === 'OBJECT_RULE') analysis.names.pending.change(parts.at(-2) ?? '');
    } else if (isRelationType(type)) {
      const label = onRelation(analysis, rangeVar(parts), node.missing_ok === true);
      // What was not there leaves nothing else behind its name.
      if (label !== null) analysis.names.pending.change(parts.at(-1) ?? '');
    } else if (type === 'OBJECT_CAST') {
      analysis.names.pending.changeEverything();
    } else if (type !== 'OBJECT_INDEX') {
      analysis.names.pending.change(parts.at(-1) ?? '');
    }
  }
}

function changeSchemas(analysis: StatementAnalysis): void {
  analysis.ledger.changes.push({ kind: 'state' });
  analysis.names.pending.changeEverything();
}

/** A new relation: it is usable by the rest of the text. */
export function createRelation(
  analysis: StatementAnalysis,
  relation: RangeVar | undefined,
  kind: string,
  columns: readonly string[] | null,
): void {
  const label = analysis.names.newLabel(relation ?? {});
  analysis.ledger.writes.add(label);
  if (label.startsWith('pg_temp.')) {
    // The first temporary table of a session brings a schema that is searched before all others.
    analysis.ledger.changes.push({ kind: 'state' });
  }
  const { names } = analysis;
  if (kind === 'v' || kind === 'm') names.pending.change(relation?.relname ?? '');
  // IF NOT EXISTS left the table there that was there before, with its own columns.
  else if (!names.exists(label)) names.pending.create(label, kind, columns);
}

/** Columns of a CREATE TABLE that spells them all out. */
function writtenColumns(node: Ast<'CreateStmt'>): readonly string[] | null {
  if (node.inhRelations !== undefined || node.ofTypename !== undefined) return null;
  // The catalog does not have it, and yet it may be there.
  if (node.if_not_exists === true) return null;
  const columns: string[] = [];
  for (const element of node.tableElts ?? []) {
    const column = as(element, 'ColumnDef')?.colname;
    if (column !== undefined) columns.push(column);
    else if (as(element, 'Constraint') === undefined) return null;
  }
  return columns;
}

/** An existing relation that the statement changes; its label, null when there is none. */
export function onRelation(
  analysis: StatementAnalysis,
  relation: RangeVar | undefined,
  missingOk: boolean,
): string | null {
  const { ledger, names } = analysis;
  const shown = [relation?.schemaname, relation?.relname].filter((part) => part !== undefined);
  const found = names.relation(relation ?? {});
  switch (found.kind) {
    case 'found':
      for (const label of found.info.labels) ledger.writes.add(label);
      return found.info.label;
    case 'changed':
      ledger.writes.add(shown.join('.'));
      return null;
    case 'missing':
      if (!missingOk) ledger.miss(shown.join('.'), 'unknown_relation');
      return null;
    default:
      return null;
  }
}

function objectName(object: Node): string[] {
  const listed = as(object, 'List')?.items;
  if (listed !== undefined) return nameParts(listed);
  const withArgs = as(object, 'ObjectWithArgs')?.objname;
  if (withArgs !== undefined) return nameParts(withArgs);
  const type = as(object, 'TypeName')?.names;
  return type === undefined ? [text(object)] : nameParts(type);
}

function lastName(object: Node | undefined): string {
  return object === undefined ? '' : (objectName(object).at(-1) ?? '');
}

function rangeVar(parts: readonly string[]): RangeVar {
  const relname = parts.at(-1) ?? '';
  const schemaname = parts.at(-2);
  return schemaname === undefined ? { relname } : { relname, schemaname };
}
