// The tables of the walk against the parser's own type definitions: a field nobody looks into could hide a call, and a
// statement nobody knows must be a decision, not an accident.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { EXPRESSION_CHILDREN } from '../../../core/sql/expression-children.ts';
import type { NodeTag } from '../../../core/sql/parse.ts';
import { STATEMENTS } from '../../../core/sql/statements.ts';
import { catalog, look } from './judging.ts';

const require = createRequire(import.meta.url);
const source = readFileSync(
  require.resolve('@pgsql/types').replace(/index\.js$/, 'types.d.ts'),
  'utf8',
);

/** Fields by node type. */
const definitions = new Map(
  [...source.matchAll(/export interface (\w+) \{([^}]*)\}/g)].map(([, name = '', body = '']) => [
    name,
    [...body.matchAll(/(\w+)\?: ([^;]+);/g)].map(([, field = '', type = '']) => ({ field, type })),
  ]),
);
const nodeTypes = new Set(definitions.keys());

/** What only the analyser fills in, and what holds no expression. */
const IGNORED: Readonly<Record<string, readonly string[]>> = {
  '*': ['xpr'],
  List: [],
  A_Const: ['ival', 'fval', 'boolval', 'sval', 'bsval'],
  CollateClause: ['collname'],
  ColumnDef: [
    'identitySequence',
    'collClause',
    'raw_default',
    'cooked_default',
    'constraints',
    'fdwoptions',
  ],
  GroupingFunc: ['refs'],
  IndexElem: ['collation', 'opclass', 'opclassopts'],
  JsonValueExpr: ['format'],
  JsonOutput: ['returning'],
  JsonArrayQueryConstructor: ['format'],
  JsonIsPredicate: ['format'],
  JsonTableColumn: ['format'],
  JsonTable: ['alias'],
  RangeTableFunc: ['alias'],
  XmlExpr: ['arg_names'],
};

describe('the table of expressions', () => {
  it.each(Object.keys(EXPRESSION_CHILDREN))('looks into every field of %s', (tag) => {
    const listed = (EXPRESSION_CHILDREN[tag as NodeTag] ?? []).map((child) =>
      typeof child === 'string' ? { field: child, tag: null } : { field: child[0], tag: child[1] },
    );
    const ignored = [...(IGNORED['*'] ?? []), ...(IGNORED[tag] ?? [])];
    const fields = definitions.get(tag) ?? [];
    expect(fields.length > 0 || listed.length === 0).toBe(true);
    for (const { field, type } of fields) {
      const bare = nodeTypes.has(type);
      if ((!/^Node(?:\[\])?$/.test(type) && !bare) || ignored.includes(field)) continue;
      expect(
        listed.find((each) => each.field === field),
        `${tag}.${field}`,
      ).toEqual({
        field,
        tag: bare && type !== 'Node' ? type : null,
      });
    }
    for (const { field } of listed) expect(fields.map((each) => each.field)).toContain(field);
  });

  it('leaves only these kinds of expression opaque', () => {
    const raw = [...nodeTypes].filter((name) =>
      definitions.get(name)?.some(({ field }) => field === 'xpr'),
    );
    const walked = new Set([...Object.keys(EXPRESSION_CHILDREN), 'CaseExpr', 'SubLink']);
    // All of them are made by the analyser, after parsing.
    expect(raw.filter((name) => !walked.has(name)).sort()).toEqual(
      [
        'Aggref',
        'AlternativeSubPlan',
        'ArrayCoerceExpr',
        'ArrayExpr',
        'CaseTestExpr',
        'CoerceToDomain',
        'CoerceToDomainValue',
        'CoerceViaIO',
        'CollateExpr',
        'ConvertRowtypeExpr',
        'DistinctExpr',
        'FieldSelect',
        'FieldStore',
        'FuncExpr',
        'InferenceElem',
        'JsonConstructorExpr',
        'JsonExpr',
        'NamedArgExpr',
        'NextValueExpr',
        'NullIfExpr',
        'OpExpr',
        'Param',
        'RelabelType',
        'ReturningExpr',
        'RowCompareExpr',
        'ScalarArrayOpExpr',
        'SubPlan',
        'SubscriptingRef',
        'TargetEntry',
        'Var',
        'WindowFunc',
        'WindowFuncRunCondition',
      ].filter((name) => !walked.has(name)),
    );
  });
});

/** Nodes that have code of their own, with every field of theirs that holds nodes: a new field needs new code. */
const OWN_CODE: Readonly<Record<string, string>> = {
  SelectStmt:
    'distinctClause intoClause targetList fromClause whereClause groupClause havingClause windowClause valuesLists sortClause limitOffset limitCount lockingClause withClause larg rarg',
  InsertStmt: 'relation cols selectStmt onConflictClause returningClause withClause',
  UpdateStmt: 'relation targetList whereClause fromClause returningClause withClause',
  DeleteStmt: 'relation usingClause whereClause returningClause withClause',
  MergeStmt: 'relation sourceRelation joinCondition mergeWhenClauses returningClause withClause',
  MergeWhenClause: 'condition targetList values',
  OnConflictClause: 'infer targetList whereClause',
  ReturningClause: 'options exprs',
  WithClause: 'ctes',
  CommonTableExpr:
    'aliascolnames ctequery search_clause cycle_clause ctecolnames ctecoltypes ctecoltypmods ctecolcollations',
  CTECycleClause: 'cycle_col_list cycle_mark_value cycle_mark_default',
  JoinExpr: 'larg rarg usingClause join_using_alias quals alias',
  RangeSubselect: 'subquery alias',
  RangeFunction: 'functions alias coldeflist',
  RangeTableSample: 'relation method args repeatable',
  LockingClause: 'lockedRels',
  FuncCall: 'funcname args agg_order agg_filter over',
  A_Expr: 'name lexpr rexpr',
  SubLink: 'xpr testexpr operName subselect',
  CaseExpr: 'xpr arg args defresult',
  SortBy: 'node useOp',
  A_Indirection: 'arg indirection',
  ColumnRef: 'fields',
  TypeName: 'names typmods arrayBounds',
  CopyStmt: 'relation query attlist options whereClause',
  ExplainStmt: 'query options',
  PrepareStmt: 'argtypes query',
  ExecuteStmt: 'params',
  DeclareCursorStmt: 'query',
  CreateTableAsStmt: 'query into',
  ViewStmt: 'view aliases query options',
};

describe('nodes with code of their own', () => {
  it.each(Object.entries(OWN_CODE))('%s has the fields the code was written for', (tag, fields) => {
    const found = (definitions.get(tag) ?? [])
      .filter(({ type }) => /^Node(?:\[\])?$/.test(type) || nodeTypes.has(type))
      .map(({ field }) => field);
    expect(found).toEqual(fields.split(' '));
  });
});

describe('the tables of statements', () => {
  it('know every statement of the parser', () => {
    const queries = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'];
    // Parts of other statements, of PL/pgSQL, or of the analyser.
    const parts = [
      'RawStmt',
      'SetOperationStmt',
      'ReturnStmt',
      'PLAssignStmt',
      'ReplicaIdentityStmt',
    ];
    const statements = [...nodeTypes].filter((name) => name.endsWith('Stmt'));
    const known = new Set([...Object.keys(STATEMENTS), ...queries, ...parts]);
    expect(statements.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('the table of functions', () => {
  it('has every built-in function that its volatility does not answer for', () => {
    const opaque = new Set<string>();
    for (const name of VOLATILE) {
      for (const fn of catalog.functions('pg_catalog', name)) {
        const args = fn.argTypes.map(() => 'NULL').join(', ');
        const { facts } = look(`SELECT pg_catalog.${name}(${args})`);
        if (facts.opaque.includes('volatile_function')) opaque.add(name);
      }
    }
    // Upgrade support, handlers, and the one ts_rewrite that runs a query.
    expect([...opaque].filter((name) => !/^binary_upgrade_|handler$/.test(name)).sort()).toEqual(
      ['amvalidate', 'bernoulli', 'plpgsql_validator', 'system', 'ts_rewrite'].filter(
        (name) => catalog.functions('pg_catalog', name).length > 0,
      ),
    );
  });
});

const VOLATILE: readonly string[] = readFileSync(
  new URL('../../fixtures/shop-catalog.jsonl', import.meta.url),
  'utf8',
)
  .split('\n')
  .filter((line) => line.startsWith('["system","functions"'))
  .map((line) => (JSON.parse(line) as [string, string, [number, string, string, string]])[2])
  .filter(([, schema, , volatility]) => schema === 'pg_catalog' && volatility === 'v')
  .map(([, , name]) => name);
