// Which fields of an expression node hold further expressions. A field that is not listed would hide whatever is called
// in it, so test/core/sql/expression-children.test.ts compares this table with the parser's own type definitions.
import type { NodeTag } from './parse.ts';

/** A field that holds a Node or a list of them, or a field whose value is a node of the given tag without its wrapper. */
export type Child = string | readonly [field: string, tag: NodeTag];

const TYPE = ['typeName', 'TypeName'] as const;
const OUTPUT = ['output', 'JsonOutput'] as const;
const ON_EMPTY = ['on_empty', 'JsonBehavior'] as const;
const ON_ERROR = ['on_error', 'JsonBehavior'] as const;
const OVER = ['over', 'WindowDef'] as const;

export const EXPRESSION_CHILDREN: { readonly [T in NodeTag]?: readonly Child[] } = {
  // Leaves.
  Integer: [],
  Float: [],
  Boolean: [],
  String: [],
  BitString: [],
  A_Const: [],
  A_Star: [],
  ParamRef: [],
  SQLValueFunction: [],
  SetToDefault: [],
  CurrentOfExpr: [],
  MergeSupportFunc: [],
  // Plain expressions.
  List: ['items'],
  A_Indices: ['lidx', 'uidx'],
  A_ArrayExpr: ['elements'],
  NamedArgExpr: ['arg'],
  BoolExpr: ['args'],
  BooleanTest: ['arg'],
  NullTest: ['arg'],
  CaseWhen: ['expr', 'result'],
  CoalesceExpr: ['args'],
  MinMaxExpr: ['args'],
  RowExpr: ['args', 'colnames'],
  GroupingFunc: ['args'],
  GroupingSet: ['content'],
  CollateClause: ['arg'],
  MultiAssignRef: ['source'],
  ResTarget: ['indirection', 'val'],
  WindowDef: ['partitionClause', 'orderClause', 'startOffset', 'endOffset'],
  TypeCast: ['arg', TYPE],
  XmlExpr: ['named_args', 'args'],
  XmlSerialize: ['expr', TYPE],
  // SQL/JSON.
  JsonValueExpr: ['raw_expr', 'formatted_expr'],
  JsonKeyValue: ['key', ['value', 'JsonValueExpr']],
  JsonArgument: [['val', 'JsonValueExpr']],
  JsonOutput: [TYPE],
  JsonBehavior: ['expr'],
  JsonObjectConstructor: ['exprs', OUTPUT],
  JsonArrayConstructor: ['exprs', OUTPUT],
  JsonArrayQueryConstructor: ['query', OUTPUT],
  JsonAggConstructor: [OUTPUT, 'agg_filter', 'agg_order', OVER],
  JsonObjectAgg: [
    ['constructor', 'JsonAggConstructor'],
    ['arg', 'JsonKeyValue'],
  ],
  JsonArrayAgg: [
    ['constructor', 'JsonAggConstructor'],
    ['arg', 'JsonValueExpr'],
  ],
  JsonParseExpr: [['expr', 'JsonValueExpr'], OUTPUT],
  JsonScalarExpr: ['expr', OUTPUT],
  JsonSerializeExpr: [['expr', 'JsonValueExpr'], OUTPUT],
  JsonIsPredicate: ['expr'],
  JsonFuncExpr: [
    ['context_item', 'JsonValueExpr'],
    'pathspec',
    'passing',
    OUTPUT,
    ON_EMPTY,
    ON_ERROR,
  ],
  JsonTableColumn: [TYPE, ['pathspec', 'JsonTablePathSpec'], 'columns', ON_EMPTY, ON_ERROR],
  JsonTablePathSpec: ['string'],
  // Parts of a FROM clause that hold expressions; from.ts makes the range items.
  RangeTableFuncCol: [TYPE, 'colexpr', 'coldefexpr'],
  JsonTable: [
    ['context_item', 'JsonValueExpr'],
    ['pathspec', 'JsonTablePathSpec'],
    'passing',
    'columns',
    ON_ERROR,
  ],
  RangeTableFunc: ['docexpr', 'rowexpr', 'namespaces', 'columns'],
  ColumnDef: [TYPE],
  InferClause: ['indexElems', 'whereClause'],
  IndexElem: ['expr'],
};
