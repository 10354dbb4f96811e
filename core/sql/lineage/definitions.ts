// Statements that define. They answer nothing; what counts is which relations they give another shape or name, since masks
// follow names, and which bring code of their own, which is unproven. Everything missing here is unproven as well.
import { as, nameParts, text, type Ast, type Node, type NodeTag, type RangeVar } from '../parse.ts';
import { isRelationType } from '../object-words.ts';
import { lookUp, touch } from './relations.ts';
import type { Walk } from './walk.ts';

type Define<T extends NodeTag> = (walk: Walk, node: Ast<T>) => void;

/** They answer nothing, store no value of a table, and change no name. */
export const HARMLESS: ReadonlySet<NodeTag> = new Set<NodeTag>([
  'VariableSetStmt',
  'TransactionStmt',
  'DiscardStmt',
  'ConstraintsSetStmt',
  'DeallocateStmt',
  'ClosePortalStmt',
  'ListenStmt',
  'UnlistenStmt',
  'NotifyStmt',
  'CheckPointStmt',
  'CreateSeqStmt',
  'AlterSeqStmt',
  'CompositeTypeStmt',
  'CreateEnumStmt',
  'AlterEnumStmt',
  'AlterTypeStmt',
  'GrantStmt',
  'GrantRoleStmt',
  'AlterDefaultPrivilegesStmt',
  'CreateRoleStmt',
  'AlterRoleStmt',
  'AlterRoleSetStmt',
  'DropRoleStmt',
  'AlterDatabaseSetStmt',
]);

export const DEFINITIONS: { readonly [T in NodeTag]?: Define<T> } = {
  CreateSchemaStmt: (walk, node) => {
    // Views and tables that come with it would have to be looked through under names that are not there yet.
    if ((node.schemaElts ?? []).length > 0) walk.findings.doubt('a schema that comes with tables');
  },
  CreateStmt: (walk, node) => {
    for (const entry of node.inhRelations ?? []) redefine(walk, as(entry, 'RangeVar'));
    references(walk, node.tableElts);
    references(walk, node.constraints);
  },
  AlterTableStmt: (walk, node) => {
    if (node.objtype === 'OBJECT_INDEX' || node.objtype === 'OBJECT_TYPE') return;
    redefine(walk, node.relation, node.missing_ok === true);
    // ATTACH PARTITION, INHERIT, REFERENCES: rows or values of others are looked at.
    for (const relation of relationsIn(node.cmds)) redefine(walk, relation);
  },
  IndexStmt: (walk, node) => redefine(walk, node.relation),
  CreateStatsStmt: (walk, node) => {
    for (const relation of relationsIn(node.relations)) redefine(walk, relation);
  },
  ClusterStmt: (walk, node) => redefine(walk, node.relation, true),
  RenameStmt: (walk, node) => {
    if (node.renameType === 'OBJECT_SCHEMA') walk.findings.doubt('another name for a whole schema');
    if (node.renameType === 'OBJECT_FUNCTION' || node.renameType === 'OBJECT_ROUTINE') {
      walk.findings.doubt('another name for a function');
    }
    if (node.renameType !== 'OBJECT_INDEX' && node.relation !== undefined) {
      redefine(walk, node.relation, node.missing_ok === true);
    }
  },
  AlterObjectSchemaStmt: (walk, node) => {
    if (node.relation !== undefined) redefine(walk, node.relation, node.missing_ok === true);
    else walk.findings.doubt('another schema for an object');
  },
  AlterOwnerStmt: (walk, node) => {
    if (node.relation !== undefined) redefine(walk, node.relation, true);
  },
  CommentStmt: (walk, node) => {
    const parts = objectName(node.object);
    if (isRelationType(node.objtype)) redefine(walk, rangeVar(parts), true);
    if (node.objtype === 'OBJECT_COLUMN') redefine(walk, rangeVar(parts.slice(0, -1)), true);
  },
  DropStmt: (walk, node) => {
    for (const object of node.objects ?? []) {
      const parts = objectName(object);
      if (isRelationType(node.removeType)) redefine(walk, rangeVar(parts), true);
      else if (node.removeType === 'OBJECT_SCHEMA') walk.findings.doubt('the end of a schema');
      else if (ON_TABLE.has(node.removeType)) redefine(walk, rangeVar(parts.slice(0, -1)), true);
    }
  },
  RefreshMatViewStmt: (walk, node) => reach(walk, node.relation),
  VacuumStmt: (walk, node) => {
    for (const entry of node.rels ?? []) reach(walk, as(entry, 'VacuumRelation')?.relation);
  },
  ReindexStmt: (walk, node) => {
    if (node.kind === 'REINDEX_OBJECT_TABLE') reach(walk, node.relation);
  },
  TruncateStmt: (walk, node) => {
    for (const entry of node.relations ?? []) reach(walk, as(entry, 'RangeVar'));
  },
  LockStmt: (walk, node) => {
    for (const entry of node.relations ?? []) reach(walk, as(entry, 'RangeVar'));
  },
  CreateFunctionStmt: code('a new function'),
  AlterFunctionStmt: code('a changed function'),
  CreateTrigStmt: code('a new trigger'),
  CreateEventTrigStmt: code('a new trigger'),
  RuleStmt: code('a new rule'),
  CreatePolicyStmt: code('a new row security policy'),
  AlterPolicyStmt: code('a changed row security policy'),
  DefineStmt: code('a new aggregate, operator or type'),
  CreateDomainStmt: code('a new domain'),
  AlterDomainStmt: code('a changed domain'),
  CreateCastStmt: code('a new cast'),
  CreateExtensionStmt: code('a new extension'),
  AlterExtensionStmt: code('a changed extension'),
  LoadStmt: code('a library'),
  AlterSystemStmt: code('a setting of the server'),
  ImportForeignSchemaStmt: code('a foreign schema'),
  CreateForeignTableStmt: code('a foreign table'),
  CreatedbStmt: code('a copy of a database'),
  CreatePublicationStmt: code('a publication'),
  AlterPublicationStmt: code('a publication'),
  CreateSubscriptionStmt: code('a subscription'),
  AlterSubscriptionStmt: code('a subscription'),
};

/** What belongs to a table and is named after it. */
const ON_TABLE: ReadonlySet<Ast<'DropStmt'>['removeType']> = new Set([
  'OBJECT_TRIGGER',
  'OBJECT_RULE',
  'OBJECT_POLICY',
] as const);

function code(what: string): (walk: Walk) => void {
  return (walk) => walk.findings.doubt(what);
}

function redefine(walk: Walk, node: RangeVar | undefined, missingOk = false): void {
  if (node === undefined) return;
  if (missingOk && walk.names.relation(node).kind === 'missing') return;
  const relation = lookUp(walk, node);
  if (relation === null) return;
  touch(walk, relation);
  walk.findings.redefines.add(relation);
}

function reach(walk: Walk, node: RangeVar | undefined): void {
  const relation = node === undefined ? null : lookUp(walk, node);
  if (relation !== null) touch(walk, relation);
}

/** A foreign key asks of every value that comes whether the other table has it. */
function references(walk: Walk, nodes: readonly Node[] | undefined): void {
  for (const entry of nodes ?? []) {
    const like = as(entry, 'TableLikeClause')?.relation;
    reach(walk, like);
    const column = as(entry, 'ColumnDef');
    for (const each of column?.constraints ?? [entry]) {
      const constraint = as(each, 'Constraint');
      const relation = constraint?.pktable === undefined ? null : lookUp(walk, constraint.pktable);
      if (relation === null) continue;
      const wanted = new Set((constraint?.pk_attrs ?? []).map((name) => text(name)));
      for (const { name, value } of touch(walk, relation).columns) {
        if (!wanted.has(name)) continue;
        walk.findings.use(value.columns, 'equality', 'REFERENCES', 'REFERENCES');
        // ON UPDATE CASCADE writes the other table's new value here.
        if (constraint?.fk_upd_action !== 'c') continue;
        const none = { constant: null, parameter: null };
        walk.findings.assignments.push({ into: null, from: value, ...none });
      }
    }
  }
}

/** Every RangeVar, wherever it stands. */
function relationsIn(part: unknown): RangeVar[] {
  const found: RangeVar[] = [];
  const queue: unknown[] = [part];
  for (const at of queue) {
    if (typeof at !== 'object' || at === null) continue;
    if ('relname' in at && typeof at.relname === 'string') found.push(at as RangeVar);
    queue.push(...Object.values(at));
  }
  return found;
}

function objectName(object: Node | undefined): string[] {
  const listed = as(object, 'List')?.items;
  if (listed !== undefined) return nameParts(listed);
  const type = as(object, 'TypeName')?.names;
  return type === undefined ? [text(object)] : nameParts(type);
}

function rangeVar(parts: readonly string[]): RangeVar {
  const relname = parts.at(-1) ?? '';
  const schemaname = parts.at(-2);
  return schemaname === undefined ? { relname } : { relname, schemaname };
}
