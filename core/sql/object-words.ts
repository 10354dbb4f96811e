// Kinds of schema objects as command tags name them (CREATE …, ALTER …, DROP …; cmdtaglist.h), and which of them are
// about rights, servers or the whole cluster rather than about one schema.
import type { ObjectType } from './parse.ts';

const WORDS: { readonly [T in ObjectType]?: string } = {
  OBJECT_ATTRIBUTE: 'TYPE',
  OBJECT_COLUMN: 'TABLE',
  OBJECT_DEFACL: 'DEFAULT PRIVILEGES',
  OBJECT_DOMCONSTRAINT: 'DOMAIN',
  OBJECT_FDW: 'FOREIGN DATA WRAPPER',
  OBJECT_FOREIGN_SERVER: 'SERVER',
  OBJECT_LARGEOBJECT: 'LARGE OBJECT',
  OBJECT_MATVIEW: 'MATERIALIZED VIEW',
  OBJECT_OPCLASS: 'OPERATOR CLASS',
  OBJECT_OPFAMILY: 'OPERATOR FAMILY',
  OBJECT_STATISTIC_EXT: 'STATISTICS',
  OBJECT_TABCONSTRAINT: 'TABLE',
  OBJECT_TSCONFIGURATION: 'TEXT SEARCH CONFIGURATION',
  OBJECT_TSDICTIONARY: 'TEXT SEARCH DICTIONARY',
  OBJECT_TSPARSER: 'TEXT SEARCH PARSER',
  OBJECT_TSTEMPLATE: 'TEXT SEARCH TEMPLATE',
};

export function objectWords(type: ObjectType | undefined): string {
  if (type === undefined) return 'OBJECT';
  return WORDS[type] ?? type.replace(/^OBJECT_/, '').replaceAll('_', ' ');
}

const ADMIN_OBJECTS: ReadonlySet<ObjectType | undefined> = new Set<ObjectType>([
  'OBJECT_ACCESS_METHOD',
  'OBJECT_DATABASE',
  'OBJECT_DEFACL',
  'OBJECT_EXTENSION',
  'OBJECT_FDW',
  'OBJECT_FOREIGN_SERVER',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_LANGUAGE',
  'OBJECT_LARGEOBJECT',
  'OBJECT_PARAMETER_ACL',
  'OBJECT_POLICY',
  'OBJECT_PUBLICATION',
  'OBJECT_PUBLICATION_NAMESPACE',
  'OBJECT_PUBLICATION_REL',
  'OBJECT_ROLE',
  'OBJECT_SUBSCRIPTION',
  'OBJECT_TABLESPACE',
  'OBJECT_TRANSFORM',
  'OBJECT_USER_MAPPING',
]);

export function objectEffect(type: ObjectType | undefined): 'schema' | 'admin' {
  return ADMIN_OBJECTS.has(type) ? 'admin' : 'schema';
}

const RELATIONS: ReadonlySet<ObjectType | undefined> = new Set<ObjectType>([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_SEQUENCE',
]);

/** Is an object of this kind a relation with rows? */
export function isRelationType(type: ObjectType | undefined): boolean {
  return RELATIONS.has(type);
}

/** Kinds that live on a table: the table's name comes before their own (DROP TRIGGER x ON t). */
const ON_TABLE: ReadonlySet<ObjectType | undefined> = new Set<ObjectType>([
  'OBJECT_TRIGGER',
  'OBJECT_RULE',
  'OBJECT_POLICY',
  'OBJECT_TABCONSTRAINT',
]);

export function isOnTable(type: ObjectType | undefined): boolean {
  return ON_TABLE.has(type);
}
