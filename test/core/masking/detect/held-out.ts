// Lines as logs, APIs, chats and exports really have them, written down with what should be found in them before any
// detector ran over them, and not adjusted since. A value stands as ⟦detector:value⟧; a line without one should stay as it
// is. Secrets are broken by a ¦ that is taken out, so that no secret scanner takes this file for a leak.

const LINES: readonly string[] = [
  // Logs.
  '2026-03-14T09:26:53.589Z INFO  http: GET /healthz 200 3ms ⟦ip:203.0.113.77⟧ "kube-probe/1.31"',
  '⟦ip:198.51.100.23⟧ - - [10/Oct/2025:13:55:36 +0000] "GET /cart?id=88123 HTTP/1.1" 200 5316 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"',
  'WARN [pool-3-thread-12] c.a.billing.Charge - declined pan=⟦credit_card:4242424242424242⟧ code=51 retry=3 took=1841ms',
  'sshd[20117]: Failed password for invalid user admin from ⟦ip:2001:db8:85a3::8a2e:370:7334⟧ port 52114 ssh2',
  'kernel: [ 1423.884210] usb 1-1.4: New USB device found, idVendor=0781, idProduct=5581, bcdDevice= 1.00',
  'ERROR: duplicate key value violates unique constraint "users_email_key" DETAIL: Key (email)=(⟦email:maria.lopez@example.es⟧) already exists.',
  'trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7 flags=01 duration=17.220ms',
  'nginx: upstream timed out (110: Connection timed out) while connecting to upstream, client: ⟦ip:192.0.2.146⟧, server: shop.example.com',
  'commit 9fceb02d0ae598e95dc970b74767f19372d61af8 (HEAD -> main, tag: v2.14.0)',
  'psql: error: connection to server at "db.internal" failed: postgres://app:⟦url_password:s3cr3t-Pa55⟧@db.internal:5432/shop',
  'Nov 24 03:12:01 web-01 CRON[99812]: (root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily)',
  'AWS_ACCESS_KEY_ID=⟦aws_key:AK¦IAIOSFODNN7EXAMPLE⟧ terraform apply -auto-approve -lock-timeout=120s',
  'Set-Cookie: sid=⟦jwt:ey¦JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U⟧; Path=/; HttpOnly',
  'panic: runtime error: index out of range [5] with length 3 goroutine 18 [running]: main.go:214 +0x1d2',
  'GC pause 12.4ms heap 512.3MB->488.1MB (1024.0MB) at 1731640211.442',
  // JSON.
  '{"id":10442,"name":"Renée Dubois","email":"⟦email:renee.dubois@example.fr⟧","phone":"⟦phone:+33 6 12 34 56 78⟧"}',
  '{"card":{"brand":"amex","number":"⟦credit_card:378282246310005⟧","exp":"11/28","last4":"0005"}}',
  '{"orderId":"100-4429-8812","total":129.90,"currency":"EUR","placedAt":"2026-01-02T23:59:59+01:00"}',
  '{"iban":"⟦iban:DE89370400440532013000⟧","bic":"COBADEFFXXX","owner":"K. Vogel"}',
  '{"uuid":"c56a4180-65aa-42ec-a945-5fd21dec0538","seq":4111,"ts":1767222000123}',
  '{"password":"⟦secret:Tr0ub4dor&3⟧","remember":true}',
  '{"client":{"ip":"⟦ip:198.51.100.7⟧","port":44312},"lat":52.520008,"lon":13.404954}',
  '{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}',
  '{"ssn":"⟦us_ssn:536-90-4399⟧","dob":"1984-07-21","zip":"94107-1234"}',
  '{"token":"⟦github_token:gh¦p_16C7e42F292c6912E7710c838347Ae178B4a⟧","scopes":["repo"]}',
  '{"cpf":"⟦br_cpf:529.982.247-25⟧","nome":"João da Silva","cep":"01310-100"}',
  '{"products":[{"sku":"4006381333931","qty":2},{"sku":"5901234123457","qty":1}]}',
  '{"version":"10.0.19045.3803","channel":"stable","build":"22621.2506"}',
  // Chat.
  'hey can you call me at ⟦phone:(415) 555-2671⟧ when you land?',
  'my new mail is ⟦email:tom.o.brien+news@example.co.uk⟧, the old one bounces',
  'meet at 10:30 on 12/05, room 4.213, bring the 2025-2026 budget',
  'Meine Steuer-ID ist ⟦de_tax_id:86095742719⟧ und die IBAN ⟦iban:DE89 3704 0044 0532 0130 00⟧',
  'the wifi password is ⟦secret:Sommer2025!⟧ — dont share',
  'NHS no ⟦gb_nhs:943 476 5919⟧, seen by Dr Patel on 3 March',
  'use card ⟦credit_card:5555 5555 5555 4444⟧ exp 12/27 for the demo',
  'we shipped 1,250,000 units in FY2024, up 18.5% from 1,054,852',
  'ping @anna and @bob_42 about PR #18234, merged in abc1234',
  'Mi DNI es ⟦es_dni:12345678Z⟧ y mi móvil ⟦phone:612 345 678⟧',
  'Il mio codice fiscale è ⟦it_codice_fiscale:RSSMRA85T10A562S⟧',
  'rings at ⟦phone:020 7946 0958⟧ — ask for Priya',
  'flight LH1234 seat 24A, booking ref X7K9QZ, gate B42',
  'score was 110-98, then 6-4 7-5 7-6 in the final',
  'NINO: ⟦gb_nino:AB 12 34 56 C⟧ for payroll please',
  'mijn BSN is ⟦nl_bsn:123456782⟧, kun je dat doorgeven?',
  'see https://example.com/orders/2025/11/0004423?ref=mail&utm_id=99120043 for details',
  'mon numéro de sécu : ⟦fr_nir:2 95 10 99 126 111 93⟧',
  'try 3.14159265358979 or 2.718281828, whichever is closer',
  // CSV and exports.
  '1017;Vogel;Katrin;⟦email:katrin.vogel@example.de⟧;⟦phone:+49 30 901820⟧;Berlin;10115',
  '"2025-11-03","INV-2025-00417","1,299.00","USD","paid"',
  '83121,⟦us_ssn:219-09-9998⟧,Jane,Roe,1979-02-28,F',
  'id,lat,lon,alt\n1,48.208174,16.373819,171.3\n2,48.210033,16.363449,168.9',
  'ACME GmbH;⟦iban:AT61 1904 3002 3457 3201⟧;BKAUATWW;Rechnung 2025-1187',
  '"⟦br_cnpj:11.222.333/0001-81⟧","Padaria Boa","São Paulo"',
  'aadhaar,⟦in_aadhaar:2341 2341 2346⟧,pan,⟦in_pan:ACUPA7085R⟧',
  'ISBN,9783161484100,The Book,29.95\nISBN,9780306406157,Another,12.50',
  'PO-44192,2025/10/01,2025/10/31,NET30,14.000,17,238.00',
  // Configuration and code.
  'const url = `https://api.example.com/v2/items/${id}?limit=50&offset=100`;',
  'STRIPE_SECRET_KEY=⟦stripe_key:sk¦_test_4eC39HqLyjWDarjtT1zdp7dc⟧',
  'password = os.environ["DB_PASSWORD"]  # never hard-code',
  '  image: registry.example.com/app@sha256:9b2c8d7f0e1a4b5c6d7e8f90123456789abcdef0123456789abcdef012345678',
  'api_key: "⟦secret:9f8e7d6c5b4a39281706f5e4d3c2b1a0⟧"',
  'git clone git@github.com:example/shop.git && cd shop && npm ci',
  'border: 1px solid #1a2b3c; transform: translate3d(0, 0, 0); z-index: 10000;',
  'if (a@b) ? x : y  -- matrix product of 2x3 and 3x2',
];

export interface HeldOut {
  readonly text: string;
  readonly expected: readonly (readonly [detector: string, value: string])[];
}

export const HELD_OUT: readonly HeldOut[] = LINES.map((line) => {
  const expected: (readonly [string, string])[] = [];
  const text = line
    .replaceAll('¦', '')
    .replaceAll(/⟦([a-z_]+):([^⟧]+)⟧/g, (_, detector: string, value: string) => {
      expected.push([detector, value]);
      return value;
    });
  return { text, expected };
});
