// What gives a SQL action its effect besides its facts: the text, its values, and the state of the session that it runs in.
// An approval is bound to all of it (core/approval/envelope.ts); nothing here is judged.
import type { SqlContent } from '../approval/request.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

export function sqlContent(
  session: Session,
  asked: {
    readonly statement: Statement;
    readonly planned: readonly string[] | null;
    readonly binds: readonly (string | null)[] | null;
    readonly bindFormats: readonly number[] | null;
  },
): SqlContent {
  const { state, pipeline, judging, options } = session;
  const { statement, planned, binds, bindFormats } = asked;
  return {
    kind: 'sql',
    text: statement.text,
    binds,
    // Types that a Parse leaves open are the server's to choose, from the text and the path: both are bound.
    bindTypes: binds === null ? null : statement.types,
    bindFormats,
    searchPath: planned ?? state.path,
    role: state.role,
    database: options.target.database,
    // Idle only when that is certain: a BEGIN on its way, or executed in this very segment, has not been reported yet.
    transaction:
      state.status === 'I' && pipeline.readies === 0 && !pipeline.executed ? 'idle' : 'active',
    settings: state.settings,
    stands: judging.standing,
  };
}
