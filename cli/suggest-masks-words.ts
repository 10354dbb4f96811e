// What the name and the type of a column say of what it holds. A guess for a human to read; nothing is decided by it.

export const KINDS_OF_DATA = [
  'email',
  'phone',
  'card',
  'bank-account',
  'national-id',
  'secret',
  'birth-date',
  'ip-address',
  'person-name',
  'postal-address',
] as const;
export type KindOfData = (typeof KINDS_OF_DATA)[number];

/** pg_type.typcategory: S strings, N numbers, D dates, I network addresses, B booleans, U and others. */
export interface NamedColumn {
  readonly relation: string;
  readonly name: string;
  readonly category: string;
}

interface Clue {
  readonly kind: KindOfData;
  /** Against the name's words, joined with `_`. */
  readonly name: RegExp;
  readonly categories: string;
}

/** The first that fits; what opens doors comes first, since `card_pin` is a secret before it is a card. */
const CLUES: readonly Clue[] = [
  {
    kind: 'secret',
    name: /(^|_)(pass(word|wd|phrase)?|pwd|secrets?|tokens?|api_?key|private_?key|credentials?|otp|pin|cvv2?|cvc2?)(_|$)/,
    categories: 'SU',
  },
  { kind: 'email', name: /(^|_)(e_?mails?|mail_?address)(_|$)/, categories: 'SU' },
  {
    kind: 'ip-address',
    name: /(^|_)(ip(v[46])?|ip_?addr(ess)?|remote_addr(ess)?|client_addr(ess)?)(_|$)/,
    categories: 'SI',
  },
  {
    kind: 'phone',
    name: /(^|_)(tele)?(phone|phones|mobile|cell|fax|msisdn|tel)(_?(number|no|nr))?(_|$)/,
    categories: 'SN',
  },
  {
    kind: 'national-id',
    name: /(^|_)(ssn|itin|social_security|tax_?(id|number|no)|national_?(id|number)|passport|nino|nhs_?number|dni|nie|nif|cpf|cnpj|aadhaar|bsn|driving_?licen[cs]e|driver_?licen[cs]e)(_|$)/,
    categories: 'SN',
  },
  {
    kind: 'card',
    name: /(^|_)((credit_?|debit_?|payment_?)?card_?(number|no|nr|num)|credit_?card|debit_?card|cc_?(number|no|num)|pan)(_|$)/,
    categories: 'SN',
  },
  {
    kind: 'bank-account',
    name: /(^|_)(iban|bank_?account|account_?(number|no)|routing_?number|sort_?code)(_|$)/,
    categories: 'SN',
  },
  {
    kind: 'birth-date',
    name: /(^|_)(birth_?(date|day)?|date_of_birth|dob|born)(_|$)/,
    categories: 'SDN',
  },
  {
    kind: 'postal-address',
    name: /(^|_)(street|address(_?(line)?_?[123])?|zip(_?code)?|post_?code)(_|$)/,
    categories: 'SU',
  },
  {
    kind: 'person-name',
    name: /(^|_)((first|last|full|given|family|middle|maiden|sur|fore)_?name|card_?holder|account_?holder)(_|$)/,
    categories: 'S',
  },
];

const PEOPLE =
  /(^|_)(customers?|users?|people|persons?|employees?|staff|contacts?|patients?|members?|clients?|students?|subscribers?|applicants?|leads?)(_|$)/;

/** Null where name and type say nothing. */
export function guessFromName({ relation, name, category }: NamedColumn): KindOfData | null {
  const words = snake(name);
  const clue = CLUES.find(
    ({ name, categories }) => categories.includes(category) && name.test(words),
  );
  if (clue !== undefined) return clue.kind;
  if (category === 'I') return 'ip-address';
  return category === 'S' && words === 'name' && PEOPLE.test(snake(relation))
    ? 'person-name'
    : null;
}

/** `cardNumber`, `Card-Number` → `card_number`. */
function snake(name: string): string {
  return name
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, '$1_$2')
    .replaceAll(/[^\p{L}\d]+/gu, '_')
    .toLowerCase();
}
