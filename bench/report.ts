// Writes what was found: a table for the terminal, JSON for comparisons, Markdown for docs/bench.md.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../dev/bundle.ts';
import { shown, verdict, type Detail, type Finding, type Group } from './findings.ts';

/** Where and when; numbers of another machine mean something else. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Average load of the last minute before the bench began: above 1 a core, trust nothing. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    node: process.version,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    load: loadavg()[0] ?? 0,
  };
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    // A copy without its history.
    return 'unknown';
  }
}

export function groupText({ title, findings, details = [] }: Group): string {
  const rows = findings.map((finding) => [
    finding.what,
    measured(finding),
    budget(finding),
    verdict(finding),
    finding.note ?? '',
  ]);
  return [`\n${title}`, ...columns(rows), ...details.flatMap(detailText)].join('\n');
}

function detailText({ head, rows }: Detail): string[] {
  return ['', ...columns([head, ...rows])];
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_cell, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row
      .map((cell, at) =>
        at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(at === 4 ? 0 : (widths[at] ?? 0)),
      )
      .join('  ')}`.trimEnd(),
  );
}

function measured({ value, unit }: Finding): string {
  if (value === null || !Number.isFinite(value)) return '—';
  return unit === '$' ? `$ ${value.toFixed(2)}` : `${shown(value)} ${unit}`.trim();
}

function budget({ budget, unit }: Finding): string {
  if (budget === undefined) return '';
  return 'atMost' in budget
    ? `≤ ${budget.atMost} ${unit}`.trim()
    : `≥ ${budget.atLeast} ${unit}`.trim();
}

export function misses(groups: readonly Group[]): readonly Finding[] {
  return groups.flatMap(({ findings }) => findings.filter((each) => verdict(each) === 'miss'));
}

export function writeResults(machine: Machine, groups: readonly Group[]): string {
  const file = join(ROOT, 'bench', 'results.json');
  const results = groups.map(({ name, findings, raw }) => ({
    name,
    findings: findings.map((finding) => ({ ...finding, verdict: verdict(finding) })),
    raw,
  }));
  writeFileSync(file, `${JSON.stringify({ machine, groups: results }, null, 2)}\n`);
  return file;
}

export function writeDocs(machine: Machine, groups: readonly Group[]): string {
  const file = join(ROOT, 'docs', 'bench.md');
  writeFileSync(file, markdown(machine, groups));
  return file;
}

const INTRODUCTION = `# Measurements

Written by \`npm run bench -- --write-docs\`; do not edit it by hand. \`npm run bench\` prints the same on your machine and
writes \`bench/results.json\`; \`-- --only NAME\` measures one group, \`-- --quick\` less of everything, \`-- --help\` says more.

How to read it: absolute times belong to the machine. What is compared, and what the budgets are about, is measured in
turns on the same machine in the same minute, and the best of the rounds counts, because noise only ever adds. The
**pump** (\`bench/pump.ts\`) is a Worker with a Durable Object that copies bytes on the very path of the gateway: what it
takes is the platform's and the path's share, what the gateway takes beyond it is ours. Client, gateway and database share
the machine. Both Workers run as built, in workerd under Miniflare; journals lie in memory, since workerd waits for the
disk with every row and this machine's disk says nothing about Cloudflare's storage.
`;

function markdown(machine: Machine, groups: readonly Group[]): string {
  const { date, commit, node, processor, cores, memoryGiB, load } = machine;
  const where = `Measured on ${date} at commit ${commit}: ${cores} × ${processor}, ${memoryGiB} GiB, Node ${node}, load ${load.toFixed(1)} at the start.`;
  const parts = groups.flatMap(({ name, title, findings, details = [] }) => [
    `## ${title} (\`--only ${name}\`)`,
    table([
      ['what', 'measured', 'budget', '', 'note'],
      ...findings.map((finding) => [
        finding.what,
        measured(finding),
        budget(finding),
        verdict(finding),
        finding.note ?? '',
      ]),
    ]),
    ...details.map(({ head, rows }) => table([head, ...rows])),
  ]);
  return [INTRODUCTION, where, ...parts].join('\n').replaceAll('\n## ', '\n\n## ');
}

function table(rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const [head = [], ...body] = rows;
  return `\n${[line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')}\n`;
}
