// The way in: finds values in a text, and says of bytes whether there is anything to look for. What is done with a
// finding is a masker's business; streams of text are stream.ts.
import { createContext } from './context.ts';
import { advance, WINDOW } from './cuts.ts';
import type { DetectorId, Finding } from './detector.ts';
import { ALL_FEATURES, FEATURES, featuresOf } from './features.ts';
import { search, type Search } from './search.ts';

export interface DetectionOptions {
  /** Name of the column or field that holds the text. */
  readonly context?: string;
  /** Findings below are dropped; 0.5 by default. */
  readonly minimumConfidence?: number;
  /** Told of each validation of a candidate: a measure of the work that does not depend on the machine. */
  readonly onValidation?: () => void;
}

export interface Detection {
  /** Findings in order, none overlapping another. */
  find(text: string): readonly Finding[];
  /**
   * False: `find` would find nothing in these bytes (UTF-8), which are then neither decoded nor searched. What stands
   * around bytes[start, end) counts for nothing.
   */
  suspicious(bytes: Uint8Array, start?: number, end?: number): boolean;
}

const DEFAULT_MINIMUM = 0.5;

export function createDetection(
  detectors: readonly DetectorId[],
  options: DetectionOptions = {},
): Detection {
  const how = searchFor(detectors, options);
  const features = featuresFor(how.wanted);
  return {
    find(text) {
      if (text.length <= WINDOW) return search(how, text, 0, text.length);
      const findings: Finding[] = [];
      for (let from = 0; from < text.length;) {
        const step = advance(how, text, from, true);
        if (step === null) throw new Error('a long text can always be cut');
        findings.push(...step.findings);
        from = step.cut;
      }
      return findings;
    },
    suspicious: (bytes, start = 0, end = bytes.length) =>
      features !== 0 && featuresOf(bytes, features, true, start, end) !== 0,
  };
}

/** Whether any detector could find anything in these bytes of UTF-8. */
export function suspicious(bytes: Uint8Array): boolean {
  return featuresOf(bytes, ALL_FEATURES, true) !== 0;
}

export function searchFor(detectors: readonly DetectorId[], options: DetectionOptions): Search {
  return {
    wanted: new Set(detectors),
    context: createContext(options.context),
    minimum: options.minimumConfidence ?? DEFAULT_MINIMUM,
    tried: options.onValidation ?? ignore,
  };
}

const ignore = (): void => {};

/** What has to be in a text for one of these to find something. */
function featuresFor(wanted: ReadonlySet<DetectorId>): number {
  let features = 0;
  for (const detector of wanted) features |= featureOf(detector);
  return features;
}

function featureOf(detector: DetectorId): number {
  switch (detector) {
    case 'email':
    case 'url_password':
      return FEATURES.at;
    case 'ip':
      return FEATURES.address;
    case 'secret':
      return FEATURES.token | FEATURES.assignment;
    case 'credit_card':
    case 'phone':
    case 'iban':
    case 'us_ssn':
    case 'us_itin':
    case 'gb_nino':
    case 'gb_nhs':
    case 'es_dni':
    case 'es_nie':
    case 'it_codice_fiscale':
    case 'br_cpf':
    case 'br_cnpj':
    case 'in_aadhaar':
    case 'in_pan':
    case 'au_tfn':
    case 'de_tax_id':
    case 'fr_nir':
    case 'nl_bsn':
      return FEATURES.digits;
    case 'jwt':
    case 'private_key':
    case 'aws_key':
    case 'gcp_key':
    case 'azure_key':
    case 'github_token':
    case 'gitlab_token':
    case 'slack_token':
    case 'stripe_key':
    case 'openai_key':
    case 'anthropic_key':
    case 'npm_token':
    case 'pypi_token':
    case 'sendgrid_key':
    case 'twilio_key':
    case 'telegram_token':
    case 'huggingface_token':
    case 'digitalocean_token':
    case 'shopify_token':
    case 'age_key':
      return FEATURES.token;
    default:
      return detector satisfies never;
  }
}
