// What a target of kind mcp must get right beyond its shape: what an http target must, no login that signs bodies, and tools
// that are named once.
import type { TargetDocument } from './document.ts';
import { httpTargetProblems } from './http-problems.ts';
import type { DocumentProblem } from './problem.ts';

type At = (...keys: (string | number)[]) => (string | number)[];

export function mcpTargetProblems(
  target: TargetDocument,
  at: At,
  development: boolean,
): DocumentProblem[] {
  const problems = httpTargetProblems(target, at, development);
  if (target.http !== undefined) {
    problems.push({ path: at('http'), message: 'is for targets of kind http', atKey: true });
  }
  if (target.credential !== undefined && 'sigv4' in target.credential) {
    const message = 'sigv4 is for targets of kind http';
    problems.push({ path: at('credential', 'sigv4'), message, atKey: true });
  }
  const seen = new Set<string>();
  for (const [index, tool] of (target.mcp?.tools ?? []).entries()) {
    const name = typeof tool === 'string' ? tool : tool.name;
    if (seen.has(name)) {
      problems.push({ path: at('mcp', 'tools', index), message: `names ${name} twice` });
    }
    seen.add(name);
  }
  return problems;
}
