// Detection alone: precision and recall per type over the labelled corpus, megabytes a second on clean and on dense text,
// and two detectors from npm over the same texts in the same run.
import { Redactor } from '@redactpii/node';
import { redactum } from 'redactum';
import { createDetection } from '../core/masking/detect/detection.ts';
import { DETECTOR_IDS, type DetectorId } from '../core/masking/detect/detector.ts';
import { CLEAN_SENTENCES, labelled, type Labelled } from '../test/fixtures/detection/labelled.ts';
import type { Group } from './findings.ts';

const CLEAN_BUDGET = 100;
const ROUNDS = 7;

interface Score {
  readonly precision: number;
  readonly recall: number;
}

export function measureDetection({ quick }: { readonly quick: boolean }): Group {
  const corpus = labelled(quick ? 6 : 25);
  const detection = createDetection(DETECTOR_IDS);
  const cells = cellsOf(CLEAN_SENTENCES, quick ? 2e6 : 8e6);
  const clean = rate(cells, (bytes) => detection.suspicious(bytes));
  const decoder = new TextDecoder();
  const dense = rate(
    cellsOf(
      corpus.map(({ text }) => text),
      1e6,
    ),
    (bytes) => {
      if (detection.suspicious(bytes)) detection.find(decoder.decode(bytes));
    },
  );
  const redactor = new Redactor();
  const peers: readonly (readonly [string, (text: string) => string])[] = [
    ['redactum', (text) => redactum(text).redactedText],
    ['@redactpii/node', (text) => redactor.redact(text)],
  ];
  const sample = cells.slice(0, quick ? 200 : 1_000);
  const peerRates = peers.map(([, redact]) =>
    rate(sample, (bytes) => redact(decoder.decode(bytes)), 2),
  );
  const rows = DETECTOR_IDS.map((id) => {
    const ours = score(corpus, id, byName(id));
    const theirs = peers.map(([, redact]) => recall(corpus, id, redact));
    return [id, percent(ours.precision), percent(ours.recall), ...theirs.map(percent)];
  });
  return {
    name: 'detection',
    title: 'Detection',
    findings: [
      {
        what: 'clean text, one thread',
        value: clean,
        unit: 'MB/s',
        budget: { atLeast: CLEAN_BUDGET },
      },
      { what: 'dense text: a value in most cells', value: dense, unit: 'MB/s' },
      ...peers.map(([name], at) => ({
        what: `${name}, the same clean text`,
        value: peerRates[at] ?? null,
        unit: 'MB/s',
      })),
      ...peers.map(([name, redact]) => ({
        what: `${name}, texts without a value that it changes`,
        value: falseAlarms(corpus, redact),
        unit: '%',
      })),
      {
        what: 'ours, texts without a value in which something is found',
        value: falseAlarms(corpus, (text) => (detection.find(text).length > 0 ? '' : text)),
        unit: '%',
      },
    ],
    details: [
      {
        head: ['type', 'precision', 'recall', ...peers.map(([name]) => `recall ${name}`)],
        rows,
      },
    ],
  };
}

type Finds = (labelled: Labelled) => boolean;

function byName(id: DetectorId): Finds {
  return ({ text, value, detector, context }) => {
    const found = createDetection(DETECTOR_IDS, context === undefined ? {} : { context }).find(
      text,
    );
    const at = text.indexOf(value);
    // Where it is in the text it must be covered in full; elsewhere the name is what is wrong.
    return detector === id
      ? found.some(({ start, end }) => start <= at && end >= at + value.length)
      : found.some((finding) => finding.detector === id);
  };
}

function score(corpus: readonly Labelled[], id: DetectorId, finds: Finds): Score {
  let right = 0;
  let wrong = 0;
  let missed = 0;
  for (const each of corpus) {
    const found = finds(each);
    if (each.detector !== id) wrong += found ? 1 : 0;
    else if (found) right += 1;
    else missed += 1;
  }
  return { precision: right / (right + wrong), recall: right / (right + missed) };
}

/** The value no longer stands in what is left: kinder to a redactor than asking how much of it does. */
function recall(
  corpus: readonly Labelled[],
  id: DetectorId,
  redact: (text: string) => string,
): number {
  const own = corpus.filter(({ detector }) => detector === id);
  return own.filter(({ text, value }) => !redact(text).includes(value)).length / own.length;
}

function falseAlarms(corpus: readonly Labelled[], redact: (text: string) => string): number {
  const none = corpus.filter(({ detector }) => detector === null);
  return (none.filter(({ text }) => redact(text) !== text).length / none.length) * 100;
}

function cellsOf(sentences: readonly string[], bytes: number): readonly Uint8Array[] {
  const encoder = new TextEncoder();
  const cells: Uint8Array[] = [];
  for (let total = 0, at = 0; total < bytes; at += 1) {
    const cell = encoder.encode(sentences[at % sentences.length]);
    cells.push(cell);
    total += cell.length;
  }
  return cells;
}

/** Megabytes a second, the best of the rounds. */
function rate(
  cells: readonly Uint8Array[],
  work: (bytes: Uint8Array) => void,
  rounds = ROUNDS,
): number {
  const bytes = cells.reduce((sum, cell) => sum + cell.length, 0);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const begin = performance.now();
    for (const cell of cells) work(cell);
    best = Math.min(best, performance.now() - begin);
  }
  return bytes / 1e6 / (best / 1e3);
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : '—';
}
