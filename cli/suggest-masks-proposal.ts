// From columns and sampled values to masks, as YAML for a human to read. A column whose values are of one kind gets a mask;
// values found inside longer texts get a detector. No sampled value is ever printed.
import { createDetection } from '../core/masking/detect/detection.ts';
import { DETECTOR_GROUPS, DETECTOR_IDS, type DetectorId } from '../core/masking/detect/detector.ts';
import type { MaskKind } from '../core/masking/mask.ts';
import { printable } from './problem.ts';
import type { NamesFound, Sought } from './suggest-masks-model.ts';
import {
  KINDS_OF_DATA,
  guessFromName,
  type KindOfData,
  type NamedColumn,
} from './suggest-masks-words.ts';

export interface SampledColumn extends NamedColumn {
  readonly schema: string;
  /** As Postgres writes it: `character varying(80)`. */
  readonly type: string;
  /** Those that are not NULL; empty where nothing was sampled. */
  readonly values: readonly string[];
}

interface Proposal {
  readonly kind: KindOfData;
  readonly column: SampledColumn;
  readonly why: string;
}

interface Inside {
  readonly detector: DetectorId;
  readonly column: SampledColumn;
  readonly count: number;
}

/** What each kind is called, and how it is proposed to be masked. */
const MASKS: Readonly<Record<KindOfData, readonly [words: string, as: MaskKind]>> = {
  email: ['e-mail addresses', 'partial'],
  phone: ['phone numbers', 'partial'],
  card: ['payment cards', 'partial'],
  'bank-account': ['bank accounts', 'partial'],
  'national-id': ['numbers that a state knows a person by', 'redact'],
  secret: ['passwords, tokens, keys', 'redact'],
  'birth-date': ['dates of birth', 'redact'],
  'ip-address': ['network addresses', 'redact'],
  'person-name': ['names of people', 'redact'],
  'postal-address': ['postal addresses', 'redact'],
};

/** Share of a column's values that must be of one kind, and share of a value that a finding must cover. */
const MOST = 0.6;
const WHOLE = 0.8;

function kindOf(detector: DetectorId): KindOfData {
  if (detector === 'email' || detector === 'phone') return detector;
  if (detector === 'credit_card') return 'card';
  if (detector === 'iban') return 'bank-account';
  if (detector === 'ip') return 'ip-address';
  return DETECTOR_GROUPS.national_id.some((id) => id === detector) ? 'national-id' : 'secret';
}

/** A model that was asked, and what it found. */
export interface AskedModel {
  readonly address: string;
  readonly names: ReadonlyMap<SampledColumn, NamesFound>;
}

/** The file's `masks:`, with why each is proposed; comments alone where nothing is. */
export function proposeMasks(
  target: string,
  columns: readonly SampledColumn[],
  model: AskedModel | null = null,
): string {
  const proposals: Proposal[] = [];
  const insides: Inside[] = [];
  const named: NamedInside[] = [];
  for (const column of columns) {
    const found = foundIn(column);
    const names = model?.names.get(column) ?? null;
    const proposal = propose(column, found) ?? proposeNames(column, names);
    if (proposal !== null) proposals.push(proposal);
    else {
      insides.push(...found.inside);
      for (const [entity, { values }] of names ?? []) named.push({ entity, column, count: values });
    }
  }
  if (proposals.length === 0 && insides.length === 0 && named.length === 0) {
    return '# No column looks like it needs a mask. Names of people and addresses are only found by their columns’ names.\n';
  }
  const blocks = KINDS_OF_DATA.flatMap((kind) => {
    const of = proposals.filter((proposal) => proposal.kind === kind);
    return of.length === 0 ? [] : [columnBlock(target, kind, of)];
  });
  if (insides.length > 0) blocks.push(detectBlock(target, insides));
  if (named.length > 0) blocks.push(modelBlock(target, named));
  const models =
    named.length > 0 && model !== null
      ? `models:\n  - id: pii\n    presidio: { address: ${JSON.stringify(model.address)} }\n`
      : '';
  return `${models}masks:\n${blocks.join('')}`;
}

interface NamedInside {
  readonly entity: Sought;
  readonly column: SampledColumn;
  readonly count: number;
}

/** A column of names is masked by itself; no model has to be asked about it again. */
function proposeNames(column: SampledColumn, names: NamesFound | null): Proposal | null {
  const sampled = column.values.length;
  for (const [entity, kind] of [
    ['person', 'person-name'],
    ['address', 'postal-address'],
  ] as const) {
    const whole = names?.get(entity)?.whole ?? 0;
    if (whole > 0 && whole >= sampled * MOST) {
      return { kind, column, why: `${whole} of ${sampled} sampled values, by the model` };
    }
  }
  return null;
}

function modelBlock(target: string, named: readonly NamedInside[]): string {
  const entities = [...new Set(named.map(({ entity }) => entity))].join(', ');
  const places = named.map(({ entity, column, count }) => {
    const where = printable(pattern(column));
    return `  #   ${entity} in ${where}: ${count} of ${column.values.length} sampled values\n`;
  });
  return `  # found by the model inside longer values; what asking it means: docs/masking.md\n${places.join('')}  - id: ${maskId(target, 'names-in-texts')}\n    on: [${target}]\n    model: { use: pii, entities: [${entities}] }\n    as: redact\n`;
}

interface Found {
  /** By kind, how many values are of it as a whole. */
  readonly whole: ReadonlyMap<KindOfData, number>;
  readonly inside: readonly Inside[];
}

function foundIn(column: SampledColumn): Found {
  const detection = createDetection(DETECTOR_IDS, { context: column.name });
  const whole = new Map<KindOfData, number>();
  const inside = new Map<DetectorId, number>();
  for (const value of column.values) {
    const kinds = new Set<KindOfData>();
    const detectors = new Set<DetectorId>();
    for (const { detector, start, end } of detection.find(value)) {
      if (end - start >= value.trim().length * WHOLE) kinds.add(kindOf(detector));
      detectors.add(detector);
    }
    for (const kind of kinds) whole.set(kind, (whole.get(kind) ?? 0) + 1);
    for (const detector of detectors) inside.set(detector, (inside.get(detector) ?? 0) + 1);
  }
  return {
    whole,
    inside: [...inside].map(([detector, count]) => ({ detector, column, count })),
  };
}

/** Values say more than names: a column `email` that holds hashes is one of hashes. */
function propose(column: SampledColumn, { whole }: Found): Proposal | null {
  const sampled = column.values.length;
  const [most] = [...whole].sort(([, a], [, b]) => b - a);
  if (most !== undefined && most[1] >= sampled * MOST) {
    return { kind: most[0], column, why: `${most[1]} of ${sampled} sampled values` };
  }
  const kind = guessFromName(column);
  if (kind === null) return null;
  const why = column.category === 'I' ? 'its type' : 'its name';
  if (sampled === 0) return { kind, column, why };
  const count = whole.get(kind) ?? 0;
  return { kind, column, why: `${why}; ${count} of ${sampled} sampled values` };
}

function columnBlock(target: string, kind: KindOfData, proposals: readonly Proposal[]): string {
  const [words, as] = MASKS[kind];
  const lines = proposals.map(({ column, why }) => {
    const comment = printable(`${column.type}; ${why}`);
    return `      - ${yamlText(pattern(column))}   # ${comment}\n`;
  });
  return `  # ${words}\n  - id: ${maskId(target, kind)}\n    on: [${target}]\n    columns:\n${lines.join('')}    as: ${as}\n`;
}

/** Detectors look into every column of the target, so that one mask is enough. */
function detectBlock(target: string, insides: readonly Inside[]): string {
  const detectors = DETECTOR_IDS.filter((id) => insides.some(({ detector }) => detector === id));
  const places = insides.map(({ detector, column, count }) => {
    const where = printable(pattern(column));
    return `  #   ${detector} in ${where}: ${count} of ${column.values.length} sampled values\n`;
  });
  return `  # found inside longer values:\n${places.join('')}  - id: ${maskId(target, 'inside-texts')}\n    on: [${target}]\n    detect: [${detectors.join(', ')}]\n    as: redact\n`;
}

function maskId(target: string, what: string): string {
  return `${target.slice(0, 62 - what.length)}-${what}`;
}

function pattern({ schema, relation, name }: SampledColumn): string {
  return [schema, relation, name].map(patternPart).join('.');
}

function patternPart(name: string): string {
  return /^[^."*\s]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Plain where that is safe; else a JSON string, which YAML reads alike. */
function yamlText(text: string): string {
  return /^[A-Za-z_][\w.]*$/.test(text) ? text : JSON.stringify(text);
}
