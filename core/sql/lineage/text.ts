// Lineage of a whole text: the entrance of this folder. Walks every statement under every search path that may be in force,
// each seeing what the ones before it did to names, prepared statements and cursors. Never throws: what cannot be walked is
// unproven.
import type { Catalog } from '../catalog.ts';
import { Names } from '../names.ts';
import { as, type ParsedStatement, type ParseSql } from '../parse.ts';
import {
  advance,
  MAX_INDIRECTIONS,
  textsNamed,
  walkOf,
  type TextWalk,
  type TextWorld,
} from '../texts.ts';
import { BaseColumns } from './base-columns.ts';
import { readDefinition, readExpression } from './definitions-read.ts';
import { Findings } from './findings.ts';
import type { StatementLineage, TextLineage } from './lineage.ts';
import { anyOf, type Answer, type StatementWalk } from './answers.ts';
import { answerOf } from './statements.ts';

const known = new WeakMap<Catalog, BaseColumns>();

/** Shapes of relations live as long as the catalog they come from. */
function basesOf(catalog: Catalog, parse: ParseSql): BaseColumns {
  let bases = known.get(catalog);
  if (bases === undefined) {
    const made: BaseColumns = new BaseColumns(
      catalog,
      (relation, findings) => readDefinition(parse, made, relation, findings),
      (expression) => readExpression(parse, expression),
    );
    bases = made;
    known.set(catalog, bases);
  }
  return bases;
}

/** By statement. `statements` is what `sql` was parsed into. */
export function textLineage(
  world: TextWorld,
  sql: string,
  statements: readonly ParsedStatement[],
): TextLineage {
  try {
    const { searchPaths } = world.context;
    const paths = searchPaths.length === 0 ? [[]] : searchPaths;
    const walks = paths.map((path) => pathLineage(world, sql, statements, path));
    return statements.map((_statement, position) => {
      const only = walks.length === 1 ? walks[0]?.[position] : undefined;
      if (only?.findings !== undefined && searchPaths.length > 0) {
        return lineageOf(only.findings, only);
      }
      const findings = new Findings();
      if (searchPaths.length === 0) findings.doubt('a search path that is not known');
      const answers = walks.flatMap((answered) => answered[position] ?? []);
      return lineageOf(findings, anyOf({ findings }, answers));
    });
  } catch {
    // Too deep, too long, or a mistake of ours: nothing is known about any of them.
    return statements.map(() => {
      const findings = new Findings();
      findings.doubt('a statement that cannot be analysed');
      return lineageOf(findings, null);
    });
  }
}

function pathLineage(
  world: TextWorld,
  sql: string,
  statements: readonly ParsedStatement[],
  path: readonly string[],
): readonly Answer[] {
  const walk = walkOf(world, path, world.inherited.copy());
  return statements.map((statement, position) => {
    const answer = statementAnswer(walk, statement);
    // What it does to names matters to the ones after it only.
    if (position < statements.length - 1) advance(walk, sql, statement);
    return answer;
  });
}

function statementAnswer(walk: TextWalk, statement: ParsedStatement): Answer {
  const findings = new Findings();
  const around: StatementWalk = {
    findings,
    names: new Names(walk.world.catalog, walk.path, walk.pending),
    bases: basesOf(walk.world.catalog, walk.world.parse),
    depth: 0,
    named: (kind, name) => namedAnswers(walk, kind, name),
  };
  const answer = answerOf(around, statement.node);
  return { ...answer, findings };
}

/** What runs when this name does: the query that PREPARE or DECLARE stood around, else the text itself. */
function namedAnswers(
  walk: TextWalk,
  kind: 'prepared' | 'cursor',
  name: string,
): readonly Answer[] | null {
  if (walk.indirections >= MAX_INDIRECTIONS) return null;
  const { texts, paths } = textsNamed(walk, kind, name);
  const answers: Answer[] = [];
  for (const text of texts) {
    const parsed = walk.world.parse(text);
    const [only] = parsed.ok ? parsed.statements : [];
    if (!parsed.ok || only === undefined || parsed.statements.length !== 1) return null;
    const node =
      as(only.node, 'PrepareStmt')?.query ?? as(only.node, 'DeclareCursorStmt')?.query ?? only.node;
    for (const path of paths) {
      const inner: TextWalk = { ...walk, path, indirections: walk.indirections + 1 };
      answers.push(statementAnswer(inner, { ...only, node }));
    }
  }
  return answers.length === 0 ? null : answers;
}

function lineageOf(findings: Findings, answer: Answer | null): StatementLineage {
  return {
    outputs: answer?.outputs ?? null,
    uses: findings.uses,
    assignments: findings.assignments,
    touches: findings.touches,
    redefines: findings.redefines,
    shadowed: findings.shadowed,
    unproven: [...findings.unproven].sort(),
    untrusted: [...findings.untrusted].sort(),
    copyOut: answer?.copyOut ?? null,
    copyIn: answer?.copyIn ?? null,
  };
}
