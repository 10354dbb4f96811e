// The libraries behind detection inside workerd: CommonJS files of `stdnum`, `ibantools`, and the phone metadata.
import { expect, it } from 'vitest';
import { createDetection } from '../../core/masking/detect/detection.ts';
import { DETECTOR_IDS } from '../../core/masking/detect/detector.ts';

const found = (text: string): readonly (readonly [string, string])[] =>
  createDetection(DETECTOR_IDS)
    .find(text)
    .map(({ detector, start, end }) => [detector, text.slice(start, end)]);

it.each([
  ['es_dni', '12345678Z'],
  ['es_nie', 'X1234567L'],
  ['fr_nir', '295109912611193'],
  ['gb_nino', 'AB123456C'],
  ['in_pan', 'ACUPA7085R'],
  ['it_codice_fiscale', 'RSSMRA85T10A562S'],
  ['iban', 'DE89370400440532013000'],
  ['phone', '+33 6 12 34 56 78'],
])('finds %s in workerd, by its library', (detector, value) => {
  expect(found(`value: ${value}`)).toEqual([[detector, value]]);
});

it.each(['12345678A', 'X1234567M', '295109912611192', 'QQ123456C', 'DE88370400440532013000'])(
  'refuses %s in workerd, by its check digit',
  (value) => {
    expect(found(`value: ${value}`)).toEqual([]);
  },
);
