// One statement: which walk it needs, what it answers with, and what that holds. A tag that stands in no table is unproven.
import { runsExplained } from '../session-control.ts';
import { as, tagOf, type Ast, type Node, type NodeTag } from '../parse.ts';
import { copyOf } from './copy.ts';
import { DEFINITIONS, HARMLESS } from './definitions.ts';
import { Findings } from './findings.ts';
import { anyOf, query, rows, SILENT, stored, type Answer, type StatementWalk } from './answers.ts';
import { lookUp, touch } from './relations.ts';
import { NO_ENV } from './scope.ts';
import { constantValue } from './values.ts';
import { constantText } from '../constants.ts';
import type { Walk } from './walk.ts';
import { valueOf } from './walks.ts';

export function answerOf(walk: StatementWalk, node: Node | undefined): Answer {
  if (node === undefined) return SILENT;
  const tag = tagOf(node);
  const own = OWN[tag] as ((walk: StatementWalk, fields: unknown) => Answer) | undefined;
  const fields = as(node, tag);
  if (fields === undefined) return unknown(walk, tag);
  if (own !== undefined && Object.hasOwn(OWN, tag)) return own(walk, fields);
  if (QUERIES.has(tag)) return query(walk, node);
  if (HARMLESS.has(tag)) return SILENT;
  const define = Object.hasOwn(DEFINITIONS, tag) ? DEFINITIONS[tag] : undefined;
  if (define === undefined) return unknown(walk, tag);
  (define as (walk: Walk, fields: unknown) => void)(walk, fields);
  return SILENT;
}

const QUERIES: ReadonlySet<NodeTag> = new Set<NodeTag>([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

const OWN: { readonly [T in NodeTag]?: (walk: StatementWalk, node: Ast<T>) => Answer } = {
  VariableShowStmt: (_walk, node) =>
    rows(node.name === 'all' ? ['name', 'setting', 'description'] : [node.name ?? '']),
  ExplainStmt: (walk, node) => {
    const findings = new Findings(walk.findings);
    const measured = runsExplained(node.options);
    const inner = answerOf({ ...walk, findings, measured }, node.query);
    if (inner.findings !== undefined) findings.include(inner.findings);
    // Planned only, it stores nothing; but plans tell of a condition how many rows it is thought to find.
    if (!measured) findings.assignments.length = 0;
    // SERIALIZE says how long the rows would be.
    const sized = (node.options ?? []).some(
      (option) => as(option, 'DefElem')?.defname === 'serialize',
    );
    for (const { columns } of sized ? (inner.outputs ?? []) : []) {
      findings.use(columns, 'other', 'EXPLAIN', 'SERIALIZE');
    }
    walk.findings.include(findings);
    return rows(['QUERY PLAN']);
  },
  PrepareStmt: (walk, node) => {
    answerOf(walk, node.query);
    return SILENT;
  },
  DeclareCursorStmt: (walk, node) => {
    answerOf(walk, node.query);
    return SILENT;
  },
  ExecuteStmt: execute,
  FetchStmt: (walk, node) => {
    const answer = anyOf(walk, walk.named('cursor', node.portalname ?? ''));
    if (answer === null) walk.findings.doubt(`the cursor ${node.portalname ?? ''}`);
    return node.ismove === true ? SILENT : (answer ?? SILENT);
  },
  CopyStmt: copyOf,
  CreateTableAsStmt: (walk, node) => {
    const answer = answerOf(walk, node.query);
    stored(walk, answer.outputs);
    return SILENT;
  },
  // Whoever makes a view writes its conditions: they count here, for they do not where it is read. Its columns count as
  // stored: until every session has read the catalog again, the view's name may stand for what it was before.
  ViewStmt: (walk, node) => {
    const answer = answerOf(walk, node.query);
    if (answer.outputs === null) walk.findings.doubt('a view whose columns are not known');
    stored(walk, answer.outputs);
    const found = walk.names.relation(node.view ?? {});
    if (found.kind === 'found' && found.info.relation.oid !== 0) redefined(walk, node.view ?? {});
    return SILENT;
  },
  DoStmt: (walk) => {
    walk.findings.doubt('a DO block');
    return SILENT;
  },
  CallStmt: (walk) => {
    walk.findings.doubt('a procedure');
    return SILENT;
  },
};

function unknown(walk: Walk, tag: string): Answer {
  walk.findings.doubt(`a statement of an unknown kind (${tag})`);
  return SILENT;
}

function redefined(walk: Walk, relation: Parameters<typeof lookUp>[1]): void {
  const found = lookUp(walk, relation);
  if (found === null) return;
  touch(walk, found);
  walk.findings.redefines.add(found);
}

function execute(walk: StatementWalk, node: Ast<'ExecuteStmt'>): Answer {
  const given = (node.params ?? []).map((param) => valueOf(walk, param, NO_ENV));
  const before = walk.findings.assignments.length;
  const answer = anyOf(walk, walk.named('prepared', node.name ?? ''));
  if (answer === null) {
    walk.findings.doubt(`the prepared statement ${node.name ?? ''}`);
    return SILENT;
  }
  // What a parameter becomes is known here.
  const { assignments } = walk.findings;
  for (let at = before; at < assignments.length; at++) {
    const assignment = assignments[at];
    if (assignment?.parameter == null) continue;
    const param = node.params?.[assignment.parameter - 1];
    const value = given[assignment.parameter - 1];
    const constant = value?.constant ?? constantValue(constantText(param)).constant;
    assignments[at] = { ...assignment, constant, parameter: null };
  }
  return answer;
}
