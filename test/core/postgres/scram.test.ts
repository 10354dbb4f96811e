import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { decodeBase64, encodeBase64 } from '../../../core/base64.ts';
import { md5Answer } from '../../../core/postgres/md5.ts';
import { ScramClient } from '../../../core/postgres/scram.ts';

// RFC 7677 section 3.
const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const SERVER_FIRST =
  'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
const CLIENT_FINAL =
  'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
const SERVER_FINAL = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

const client = (password = 'pencil') => new ScramClient(nativeCrypto, password, NONCE, 'user');

describe('SCRAM-SHA-256', () => {
  it('follows the example of RFC 7677', () => {
    const scram = client();
    expect(scram.clientFirst()).toBe(`n,,n=user,r=${NONCE}`);
    expect(scram.clientFinal(SERVER_FIRST)).toEqual({ ok: true, response: CLIENT_FINAL });
    expect(scram.verify(SERVER_FINAL)).toBe(true);
  });

  it('does not take a server that does not know the password', () => {
    const scram = client();
    scram.clientFinal(SERVER_FIRST);
    expect(scram.verify(SERVER_FINAL.replace('6rri', '7rri'))).toBe(false);
    // One try: a server may not guess on.
    expect(scram.verify(SERVER_FINAL)).toBe(false);
  });

  it.each([
    ['an error', 'e=invalid-proof'],
    ['nothing', ''],
    ['a signature that is too short', 'v=AAAA'],
    ['extensions', `${SERVER_FINAL},x=1`],
  ])('does not take %s for a signature', (_name, text) => {
    const scram = client();
    scram.clientFinal(SERVER_FIRST);
    expect(scram.verify(text)).toBe(false);
  });

  it('does not take a signature before it has proved itself', () => {
    expect(client().verify(SERVER_FINAL)).toBe(false);
  });

  it.each([
    ['a nonce that is ours alone', `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ['a nonce that is not ours', 'r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
    ['too few iterations', SERVER_FIRST.replace('4096', '1')],
    ['iterations for ever', SERVER_FIRST.replace('4096', '999999999')],
    ['a salt that is not base64', SERVER_FIRST.replace('gQ==', 'g')],
    ['a mandatory extension', `m=x,${SERVER_FIRST}`],
    ['something else', 'hello'],
  ])('refuses %s', (_name, text) => {
    expect(client().clientFinal(text).ok).toBe(false);
  });

  it('prepares passwords as RFC 4013 has it', () => {
    const same = (a: string, b: string) =>
      expect(client(a).clientFinal(SERVER_FIRST)).toEqual(client(b).clientFinal(SERVER_FIRST));
    same('I\u{00AD}X', 'IX');
    same('\u{2168}', 'IX');
    same('a\u{00A0}b', 'a b');
  });
});

describe('MD5', () => {
  it('answers as Postgres computes it', () => {
    const md5 = (text: string | Buffer) => createHash('md5').update(text).digest('hex');
    const salt = Buffer.from('0a1b2c3d', 'hex');
    const expected = `md5${md5(Buffer.concat([Buffer.from(md5('secretbob')), salt]))}`;
    const answer = md5Answer(nativeCrypto, 'bob', 'secret', new Uint8Array(salt));
    expect(Buffer.from(answer).toString()).toBe(expected);
  });
});

describe('base64', () => {
  it('agrees with Buffer', () => {
    for (let length = 0; length < 50; length++) {
      const bytes = nativeCrypto.randomBytes(length);
      const text = Buffer.from(bytes).toString('base64');
      expect(encodeBase64(bytes)).toBe(text);
      expect(decodeBase64(text)).toEqual(bytes);
    }
  });

  it.each(['A', 'AA', 'AAA', 'A===', 'AAAA=', 'AA==AA==', 'A-_A', 'AB==', ' AAA'])(
    'refuses %s',
    (text) => {
      expect(decodeBase64(text)).toBeNull();
    },
  );
});
