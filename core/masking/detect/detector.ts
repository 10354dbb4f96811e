// What can be detected, under which names a policy asks for it, and what one detection looks like. The detectors
// themselves stand beside this file; detection.ts runs them.

/** Values that belong to a person. */
const PERSONAL = ['credit_card', 'email', 'phone', 'iban', 'ip'] as const;

/** Numbers by which a state knows a person (or, for `br_cnpj`, a company). */
const NATIONAL_IDS = [
  'us_ssn',
  'us_itin',
  'gb_nino',
  'gb_nhs',
  'es_dni',
  'es_nie',
  'it_codice_fiscale',
  'br_cpf',
  'br_cnpj',
  'in_aadhaar',
  'in_pan',
  'au_tfn',
  'de_tax_id',
  'fr_nir',
  'nl_bsn',
] as const;

/** Whatever opens a door. `secret` is the one without a shape of its own: found by its surroundings and its randomness. */
const SECRETS = [
  'jwt',
  'private_key',
  'url_password',
  'aws_key',
  'gcp_key',
  'azure_key',
  'github_token',
  'gitlab_token',
  'slack_token',
  'stripe_key',
  'openai_key',
  'anthropic_key',
  'npm_token',
  'pypi_token',
  'sendgrid_key',
  'twilio_key',
  'telegram_token',
  'huggingface_token',
  'digitalocean_token',
  'shopify_token',
  'age_key',
  'secret',
] as const;

export type PersonalId = (typeof PERSONAL)[number];
export type NationalId = (typeof NATIONAL_IDS)[number];
export type SecretId = (typeof SECRETS)[number];
export type DetectorId = PersonalId | NationalId | SecretId;

export const DETECTOR_IDS: readonly DetectorId[] = [...PERSONAL, ...NATIONAL_IDS, ...SECRETS];

export const DETECTOR_GROUPS = {
  pii: [...PERSONAL, ...NATIONAL_IDS],
  national_id: NATIONAL_IDS,
  secrets: SECRETS,
  all: DETECTOR_IDS,
} as const satisfies Record<string, readonly DetectorId[]>;

export type DetectorGroup = keyof typeof DETECTOR_GROUPS;

/** One value in a text. Offsets are UTF-16 code units of the text as it was given, `end` exclusive. */
export interface Finding {
  readonly detector: DetectorId;
  readonly start: number;
  readonly end: number;
  /** 0 to 1. A checksum or an unmistakable shape stands above 0.85; below 0.5 is a guess. */
  readonly confidence: number;
}

export function isDetectorId(name: string): name is DetectorId {
  return DETECTOR_IDS.some((id) => id === name);
}

export type Expansion =
  | { readonly ok: true; readonly detectors: readonly DetectorId[] }
  | { readonly ok: false; readonly unknown: readonly string[] };

/** The detectors that a policy's `detect:` list means. A name nobody knows is returned, never skipped: the load refuses it. */
export function expandDetectors(names: readonly string[]): Expansion {
  const unknown: string[] = [];
  const wanted = new Set<DetectorId>();
  for (const name of names) {
    if (isDetectorId(name)) wanted.add(name);
    else if (Object.hasOwn(DETECTOR_GROUPS, name)) {
      for (const id of DETECTOR_GROUPS[name as DetectorGroup]) wanted.add(id);
    } else unknown.push(name);
  }
  if (unknown.length > 0) return { ok: false, unknown };
  return { ok: true, detectors: DETECTOR_IDS.filter((id) => wanted.has(id)) };
}
