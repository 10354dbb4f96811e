// Statements about the session itself: settings, transactions, prepared statements, cursors, notifications, locks.
// What they change is reported to the engine, which keeps the session's state.
import type { StatementAnalysis } from './analysis.ts';
import { applySetting } from './calls.ts';
import { optionIsOn, settingValue } from './constants.ts';
import { useType } from './expressions.ts';
import { as, type Ast, type Node, type NodeTag } from './parse.ts';
import { NO_ENV } from './scope.ts';
import { judgeResetAll, judgeSetting, type SettingValue } from './settings.ts';
import { walkExpressions, walkWrapped } from './walk.ts';
import { writeTarget } from './writes.ts';

type Control<T extends NodeTag> = (analysis: StatementAnalysis, node: Ast<T>) => void;

export const SESSION_CONTROLS: { readonly [T in NodeTag]?: Control<T> } = {
  VariableSetStmt: set,
  VariableShowStmt: ({ ledger }) => {
    ledger.verb = 'SHOW';
  },
  TransactionStmt: transaction,
  DiscardStmt: discard,
  ConstraintsSetStmt: ({ ledger }) => {
    ledger.verb = 'SET CONSTRAINTS';
  },
  PrepareStmt: (analysis, node) => {
    const { ledger } = analysis;
    // Judged like the statement itself, so that what would be refused later is refused now.
    for (const entry of node.argtypes ?? []) {
      const type = as(entry, 'TypeName');
      if (type !== undefined) useType(analysis, type);
    }
    walkWrapped(analysis, node.query);
    ledger.verb = 'PREPARE';
    ledger.changes.push({ kind: 'prepare', name: node.name ?? '', text: analysis.text() });
  },
  ExecuteStmt: execute,
  DeallocateStmt: (analysis, node) => {
    analysis.ledger.verb = node.isall === true ? 'DEALLOCATE ALL' : 'DEALLOCATE';
    const name = node.isall === true ? null : (node.name ?? '');
    analysis.ledger.changes.push({ kind: 'deallocate', name });
  },
  DeclareCursorStmt: (analysis, node) => {
    walkWrapped(analysis, node.query);
    analysis.ledger.verb = 'DECLARE CURSOR';
    const name = node.portalname ?? '';
    analysis.ledger.changes.push({ kind: 'declare', name, text: analysis.text() });
  },
  FetchStmt: (analysis, node) => {
    const { ledger } = analysis;
    // A portal does its work when it is fetched from, MOVE included: its facts are those of what it stands for.
    const behind = analysis.named('cursor', node.portalname ?? '');
    if (behind === null) ledger.conceal('unknown_cursor');
    else ledger.include(behind);
    ledger.verb = node.ismove === true ? 'MOVE' : 'FETCH';
  },
  ClosePortalStmt: (analysis, node) => {
    analysis.ledger.verb = node.portalname === undefined ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR';
    analysis.ledger.changes.push({ kind: 'close', name: node.portalname ?? null });
  },
  ListenStmt: ({ ledger }) => {
    ledger.verb = 'LISTEN';
  },
  UnlistenStmt: ({ ledger }) => {
    ledger.verb = 'UNLISTEN';
  },
  NotifyStmt: ({ ledger }) => {
    ledger.verb = 'NOTIFY';
    ledger.raise('write');
  },
  LockStmt: (analysis, node) => {
    analysis.ledger.verb = 'LOCK TABLE';
    analysis.ledger.raise('write');
    for (const entry of node.relations ?? []) writeTarget(analysis, as(entry, 'RangeVar'));
  },
};

export function execute(analysis: StatementAnalysis, node: Ast<'ExecuteStmt'>): void {
  const { ledger } = analysis;
  walkExpressions(analysis, node.params, NO_ENV);
  const behind = analysis.named('prepared', node.name ?? '');
  if (behind === null) ledger.conceal('unknown_prepared');
  else ledger.include(behind);
  ledger.verb = 'EXECUTE';
}

function set(analysis: StatementAnalysis, node: Ast<'VariableSetStmt'>): void {
  const { ledger, readOnly } = analysis;
  const name = node.name ?? '';
  switch (node.kind) {
    case 'VAR_RESET_ALL': {
      ledger.verb = 'RESET';
      return applySetting(analysis, 'all', judgeResetAll(readOnly));
    }
    case 'VAR_RESET':
    case 'VAR_SET_DEFAULT':
      ledger.verb = node.kind === 'VAR_RESET' ? 'RESET' : 'SET';
      return applySetting(analysis, name, judgeSetting(name, { kind: 'reset' }, readOnly));
    case 'VAR_SET_MULTI':
      ledger.verb = 'SET';
      // SET TRANSACTION SNAPSHOT only chooses which committed data is seen.
      if (name !== 'TRANSACTION SNAPSHOT') transactionOptions(analysis, node.args);
      return;
    case 'VAR_SET_VALUE':
      ledger.verb = 'SET';
      return applySetting(analysis, name, judgeSetting(name, valueOf(node.args), readOnly));
    default:
      // SET … FROM CURRENT belongs into CREATE FUNCTION.
      ledger.verb = 'SET';
      return applySetting(analysis, name, judgeSetting(name, { kind: 'unknown' }, readOnly));
  }
}

function valueOf(args: readonly Node[] | undefined): SettingValue {
  return args?.length === 1 ? settingValue(args[0]) : { kind: 'unknown' };
}

/** READ ONLY, READ WRITE, ISOLATION LEVEL, DEFERRABLE: settings by another name. */
function transactionOptions(
  analysis: StatementAnalysis,
  options: readonly Node[] | undefined,
): void {
  for (const option of options ?? []) {
    const element = as(option, 'DefElem');
    const name = element?.defname ?? '';
    applySetting(analysis, name, judgeSetting(name, settingValue(element?.arg), analysis.readOnly));
  }
}

function transaction(analysis: StatementAnalysis, node: Ast<'TransactionStmt'>): void {
  const { ledger } = analysis;
  switch (node.kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      ledger.verb = node.kind === 'TRANS_STMT_BEGIN' ? 'BEGIN' : 'START TRANSACTION';
      return transactionOptions(analysis, node.options);
    case 'TRANS_STMT_COMMIT':
      ledger.verb = 'COMMIT';
      return ending(analysis, 'commit');
    case 'TRANS_STMT_ROLLBACK':
    case 'TRANS_STMT_ROLLBACK_TO':
      ledger.verb = 'ROLLBACK';
      return ending(analysis, 'rollback');
    case 'TRANS_STMT_SAVEPOINT':
      ledger.verb = 'SAVEPOINT';
      return;
    case 'TRANS_STMT_RELEASE':
      ledger.verb = 'RELEASE';
      return;
    case 'TRANS_STMT_PREPARE':
      ledger.verb = 'PREPARE TRANSACTION';
      ledger.raise('write');
      return ending(analysis, 'rollback');
    case 'TRANS_STMT_COMMIT_PREPARED':
    case 'TRANS_STMT_ROLLBACK_PREPARED':
      // The transaction may be another session's, and nobody here knows what it did.
      ledger.verb =
        node.kind === 'TRANS_STMT_COMMIT_PREPARED' ? 'COMMIT PREPARED' : 'ROLLBACK PREPARED';
      ledger.raise('admin');
      ledger.changes.push({ kind: 'catalog' });
      return;
    default:
      ledger.conceal('unknown_statement');
  }
}

/** SET LOCAL ends with its transaction, and a rollback undoes SET; tables made in it may be gone. */
function ending(analysis: StatementAnalysis, how: 'commit' | 'rollback'): void {
  analysis.ledger.changes.push({ kind: 'state', ending: true });
  // After ROLLBACK TO the transaction goes on, and what it had made until then is uncertain for the rest of it.
  if (analysis.names.pending.end(how)) analysis.ledger.changes.push({ kind: 'catalog' });
  if (!analysis.settled) analysis.ledger.movesPath = true;
}

function discard(analysis: StatementAnalysis, node: Ast<'DiscardStmt'>): void {
  const { ledger, names, readOnly } = analysis;
  switch (node.target) {
    case 'DISCARD_ALL': {
      ledger.verb = 'DISCARD ALL';
      const verdict = judgeResetAll(readOnly);
      if (verdict.kind === 'refused') ledger.refuse(verdict.denial);
      ledger.settings.add('all');
      ledger.changes.push({ kind: 'discard' });
      return names.pending.changeEverything();
    }
    case 'DISCARD_TEMP':
      ledger.verb = 'DISCARD TEMP';
      ledger.changes.push({ kind: 'catalog' }, { kind: 'state' });
      return names.pending.changeEverything();
    case 'DISCARD_PLANS':
      ledger.verb = 'DISCARD PLANS';
      return;
    case 'DISCARD_SEQUENCES':
      ledger.verb = 'DISCARD SEQUENCES';
      return;
    default:
      ledger.conceal('unknown_statement');
  }
}

/** EXPLAIN's options, as far as they decide whether the statement runs. */
export function runsExplained(options: readonly Node[] | undefined): boolean {
  return (options ?? []).some((option) => {
    const element = as(option, 'DefElem');
    return element?.defname === 'analyze' && optionIsOn(element.arg);
  });
}
