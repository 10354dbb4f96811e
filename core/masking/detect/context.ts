// Words around a value: "card", "Steuer-ID" or "senha" before it raise the confidence of the detector they belong to,
// "order" or "commit" lower that of numbers. A column's or field's name is such a context too, and counts for all of it.
import { DETECTOR_IDS, type DetectorId } from './detector.ts';

/** Characters before a value that are looked at. */
export const CONTEXT_REACH = 48;
const RAISE = 0.45;
const LOWER = 0.35;

// Separators in names are made blanks before matching, so `card_number` and `cardNumber` read "card number".
const SECRET_WORDS =
  /secret|token|password|passwd|pwd|passphrase|credential|api ?key|access ?key|private ?key|signing ?key|bearer|authorization|kennwort|passwort|contrase|senha|clave\b|mot de passe/;

// prettier-ignore
const WORDS: Partial<Record<DetectorId, RegExp>> = {
  credit_card: /\bcards?\b|\bpan\b|visa|master ?card|amex|credit|debit|karte|tarjeta|cart[ae]\b|cart[aã]o|carte bancaire|\bcc\b|payment/,
  email: /e ?mail|correo|courriel/,
  phone: /phone|\btel\b|telefon|tel[eé]fono|t[eé]l[eé]phone|mobile|mobil\b|\bcell|handy|m[oó]vil|celular|portable|whats ?app|\bfax\b|\bcall\b|\bsms\b/,
  iban: /iban|konto|account|cuenta|compte|conto/,
  ip: /\bip\b|address|host|server|client|remote|inet/,
  us_ssn: /\bssn\b|social ?sec|taxpayer/,
  us_itin: /\bitin\b|taxpayer|tax ?id/,
  gb_nino: /\bnino\b|national ?ins|\bni ?(?:number|no)\b/,
  gb_nhs: /\bnhs\b|patient|health/,
  es_dni: /\bdni\b|\bnif\b|documento|identidad/,
  es_nie: /\bnie\b|extranjer|identidad/,
  it_codice_fiscale: /codice|fiscale|\bcf\b/,
  br_cpf: /\bcpf\b|contribuinte|pessoa f/,
  br_cnpj: /\bcnpj\b|pessoa j|empresa/,
  in_aadhaar: /aadha+r|adhar|uidai|\buid\b|आधार/,
  in_pan: /\bpan\b|permanent ?account|income ?tax/,
  au_tfn: /\btfn\b|tax ?file/,
  de_tax_id: /steuer|\bidnr\b|tin\b|tax ?id/,
  fr_nir: /\bnir\b|s[eé]curit[eé] sociale|\binsee\b|n[°o] ?s[eé]cu|social/,
  nl_bsn: /\bbsn\b|burger ?service|sofi/,
  secret: SECRET_WORDS,
};

/** Words that name other numbers. They count against detectors whose values are mere digits, or letters and digits. */
const OTHER =
  /\border|invoice|rechnung|factura|facture|pedido|bestell|isbn|\bsku\b|\bean\b|\bupc\b|\bvin\b|version|release|\bbuild\b|uuid|guid|commit|\bsha\d*\b|\bmd5\b|checksum|digest|etag|tracking|serial|\bpart ?no|timestamp|\bepoch|\bport\b|\bprice|\bamount|\btotal|\bsize\b|bytes|\brow ?id|revision|\bhash\b|integrity|transaction ?id|ticket|article/;

const UNTOUCHED: ReadonlySet<DetectorId> = new Set<DetectorId>([
  'email',
  'iban',
  'jwt',
  'private_key',
  'url_password',
]);

export interface Context {
  /**
   * The confidence that is left of `confidence` between these words, or null where that is below `minimum`. `before`
   * gives what stands before the value, already readable; it is asked only where it matters.
   */
  judge(
    detector: DetectorId,
    confidence: number,
    minimum: number,
    before: () => string,
  ): number | null;
}

export function createContext(name: string | undefined): Context {
  const named = name === undefined ? '' : readable(name);
  const namedOther = named !== '' && OTHER.test(named);
  const raised = new Set<DetectorId>();
  for (const detector of DETECTOR_IDS) {
    if (named !== '' && WORDS[detector]?.test(named) === true) raised.add(detector);
  }
  return {
    judge(detector, confidence, minimum, before) {
      const words = WORDS[detector];
      if (words === undefined) return atLeast(minimum, confidence);
      // Most guesses are so weak that not even a word would help them.
      if (confidence + RAISE < minimum) return null;
      if (raised.has(detector) || words.test(before())) return atLeast(minimum, confidence + RAISE);
      if (confidence < minimum) return null;
      if (UNTOUCHED.has(detector)) return atLeast(minimum, confidence);
      return atLeast(minimum, namedOther || OTHER.test(before()) ? confidence - LOWER : confidence);
    },
  };
}

function atLeast(minimum: number, confidence: number): number | null {
  const sure = Math.min(0.99, Math.max(0, confidence));
  return sure < minimum ? null : sure;
}

/** Names and texts in lower case, with blanks for what joins words. */
export function readable(text: string): string {
  return text
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll(/[_\-.]/g, ' ')
    .toLowerCase();
}
