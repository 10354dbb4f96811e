// Statements that hold a query or a table and do something else with it: EXPLAIN, COPY, CREATE TABLE AS, CREATE VIEW,
// REFRESH, TRUNCATE; and the two whose body nobody can see, DO and CALL.
import type { Output, StatementAnalysis } from './analysis.ts';
import { createRelation, onRelation } from './definitions.ts';
import { readRelation } from './from.ts';
import { Ledger } from './ledger.ts';
import { as, text, type Ast, type Node, type NodeTag } from './parse.ts';
import { columnPosition, NO_ENV, touchColumn, touchWhole, type RangeItem } from './scope.ts';
import { execute, runsExplained } from './session-control.ts';
import { walkExpression, walkExpressions, walkQuery, walkWrapped } from './walk.ts';
import { assignEvery, writeTarget } from './writes.ts';

type Command<T extends NodeTag> = (analysis: StatementAnalysis, node: Ast<T>) => void;

/** `walkStatement` is handed in: EXPLAIN may hold any statement. */
export function createCommands(
  walkStatement: (analysis: StatementAnalysis, node: Node | undefined) => void,
): { readonly [T in NodeTag]?: Command<T> } {
  return {
    ExplainStmt: (analysis, node) => {
      const { ledger } = analysis;
      const inner: StatementAnalysis = { ...analysis, ledger: new Ledger() };
      walkStatement(inner, node.query);
      if (runsExplained(node.options)) ledger.include(inner.ledger);
      else planned(ledger, inner.ledger);
      ledger.verb = 'EXPLAIN';
    },
    CopyStmt: copy,
    CreateTableAsStmt: (analysis, node) => {
      const { ledger } = analysis;
      const prepared = as(node.query, 'ExecuteStmt');
      let output: Output = null;
      if (prepared !== undefined) execute(analysis, prepared);
      else if (node.query !== undefined) output = walkQuery(analysis, node.query, NO_ENV);
      const own = (node.into?.colNames ?? []).map(text);
      const columns =
        output === null || node.if_not_exists === true
          ? null
          : [...own, ...output.slice(own.length)];
      const materialised = node.objtype === 'OBJECT_MATVIEW';
      ledger.raise('schema');
      ledger.verb = materialised ? 'CREATE MATERIALIZED VIEW' : 'CREATE TABLE AS';
      ledger.changes.push({ kind: 'catalog' });
      createRelation(analysis, node.into?.rel, materialised ? 'm' : 'r', columns);
      if (node.into?.onCommit === 'ONCOMMIT_DROP') {
        analysis.names.pending.dropOnCommit(node.into.rel?.relname ?? '');
      }
    },
    ViewStmt: (analysis, node) => {
      const { ledger } = analysis;
      if (node.query !== undefined) walkQuery(analysis, node.query, NO_ENV);
      ledger.raise('schema');
      ledger.verb = 'CREATE VIEW';
      ledger.changes.push({ kind: 'catalog' });
      createRelation(analysis, node.view, 'v', null);
    },
    RefreshMatViewStmt: (analysis, node) => {
      const { ledger, names } = analysis;
      ledger.verb = 'REFRESH MATERIALIZED VIEW';
      ledger.raise('schema');
      onRelation(analysis, node.relation, false);
      const found = names.relation(node.relation ?? {});
      // Here its query runs, so everything in it counts.
      if (found.kind === 'found' && node.skipData !== true) {
        ledger.includeFacts(analysis.viewFacts(found.info.relation));
      }
    },
    TruncateStmt: (analysis, node) => {
      const { ledger } = analysis;
      ledger.verb = 'TRUNCATE TABLE';
      ledger.raise('write');
      ledger.whereless = true;
      for (const entry of node.relations ?? []) writeTarget(analysis, as(entry, 'RangeVar'));
      // It empties tables that the text does not name.
      if (node.behavior === 'DROP_CASCADE') ledger.conceal('truncate_cascade');
    },
    DoStmt: ({ ledger }) => {
      ledger.verb = 'DO';
      ledger.mayDefine = true;
      ledger.conceal('do_block');
    },
    CallStmt: (analysis, node) => {
      const { ledger, names } = analysis;
      ledger.verb = 'CALL';
      ledger.mayDefine = true;
      ledger.conceal('procedure_call');
      walkExpressions(analysis, node.funccall?.args, NO_ENV);
      const parts = (node.funccall?.funcname ?? []).map(text);
      const called = names.functions(parts, null).map((fn) => `${fn.schema}.${fn.name}`);
      for (const name of called.length === 0 ? [parts.join('.')] : called) {
        ledger.functions.add(name);
      }
    },
  };
}

/** EXPLAIN without ANALYZE only plans; what it would write, it reads about. */
function planned(ledger: Ledger, inner: Ledger): void {
  const opaque = inner.effect === 'opaque';
  inner.effect = opaque ? 'opaque' : 'read';
  const writes = [...inner.writes];
  inner.writes.clear();
  ledger.includeFacts(inner);
  for (const name of writes) ledger.reads.add(name);
}

function copy(analysis: StatementAnalysis, node: Ast<'CopyStmt'>): void {
  const { ledger } = analysis;
  ledger.verb = 'COPY';
  walkWrapped(analysis, node.query);
  if (node.relation !== undefined) {
    if (node.is_from === true) copyIn(analysis, node);
    else copyOut(analysis, node);
  }
  // A file or a program on the server's machine.
  if (node.filename !== undefined || node.is_program === true) {
    ledger.raise('admin');
  } else if (node.is_from === true) {
    ledger.copyIn = true;
  }
}

function copyIn(analysis: StatementAnalysis, node: Ast<'CopyStmt'>): void {
  analysis.ledger.raise('write');
  const target = writeTarget(analysis, node.relation);
  if (node.attlist === undefined) assignEvery(analysis, target);
  else copyColumns(analysis, node, { ...target, target: false });
  // COPY … WHERE sees the incoming row, not the table's.
  const level = { items: [{ ...target, target: false }], parent: null };
  walkExpression(analysis, node.whereClause, { level, ctes: null });
}

function copyOut(analysis: StatementAnalysis, node: Ast<'CopyStmt'>): void {
  analysis.ledger.raise('read');
  const item = readRelation(analysis, node.relation ?? {}, NO_ENV);
  if (node.attlist === undefined) touchWhole(analysis.ledger, item);
  else copyColumns(analysis, node, item);
}

function copyColumns(analysis: StatementAnalysis, node: Ast<'CopyStmt'>, item: RangeItem): void {
  for (const entry of node.attlist ?? []) {
    const position = columnPosition(item, text(entry));
    if (position >= 0) touchColumn(analysis.ledger, item, position);
    else if (!item.open) {
      analysis.ledger.miss(`${item.info?.label ?? item.name}.${text(entry)}`, 'unknown_relation');
    }
  }
}
