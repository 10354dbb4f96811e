// SQL that changes what names stand for (PREPARE, DEALLOCATE, DECLARE, CLOSE, DISCARD), planned in the same registry as the
// protocol's own Parse, Bind and Close: to the server they are one namespace. @see sql-prepare, sql-declare
import type { Inspection } from '../sql/inspection.ts';
import type { NameChange } from './named.ts';
import type { Portal } from './portal.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

export interface PlannedChanges {
  readonly statementChanges: readonly NameChange<Statement>[];
  readonly portalChanges: readonly NameChange<Portal>[];
}

const NOTHING: PlannedChanges = { statementChanges: [], portalChanges: [] };

/** `segment`: null for a simple query. */
export function planChanges(
  session: Session,
  source: Statement,
  inspection: Inspection,
  segment: number | null,
): PlannedChanges {
  if (inspection.changes.length === 0) return NOTHING;
  const { statements, portals, texts, state } = session;
  const statementChanges: NameChange<Statement>[] = [];
  const portalChanges: NameChange<Portal>[] = [];
  for (const change of inspection.changes) {
    switch (change.kind) {
      case 'prepare':
        statementChanges.push(statements.plan(change.name, texts.intern(change.text), segment));
        break;
      case 'deallocate':
        statementChanges.push(statements.plan(change.name, null, segment));
        break;
      case 'declare': {
        const statement = texts.intern(change.text);
        // Keywords are ASCII letters as they are: without this word in it, no cursor of the text is WITH HOLD.
        const held = /hold/i.test(source.text);
        const meaning =
          session.hush.masking === null
            ? undefined
            : session.judging.meaning(statement, state.path);
        const weight = 128 + statement.weight + 2 * (meaning?.length ?? 0);
        const portal: Portal = {
          statement,
          path: state.path,
          binds: null,
          bindFormats: null,
          held,
          meaning,
          weight,
        };
        portalChanges.push(portals.plan(change.name, portal, segment));
        break;
      }
      case 'close':
        portalChanges.push(portals.plan(change.name, null, segment));
        break;
      case 'discard':
        statementChanges.push(statements.plan(null, null, segment));
        portalChanges.push(portals.plan(null, null, segment));
        break;
      case 'state':
      case 'catalog':
        break;
      default:
        // What this file does not know is state.ts' to be suspicious of; names are only ever added by the kinds above.
        break;
    }
  }
  return { statementChanges, portalChanges };
}
