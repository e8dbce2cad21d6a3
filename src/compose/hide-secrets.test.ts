import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { hideSecrets } from './hide-secrets.ts';

test('secrets written literally are hidden, references and everything else stay', () => {
  const shown = hideSecrets(`
providers:
  a: { dialect: openai-chat, apiKey: sk-literal, headers: { x-token: "t0k+n", authorization: 'Bearer \${env:T}' } }
  b: { apiKey: '\${env:KEY}', proxy: http://me:pw@proxy:80 }
  # c: { apiKey: sk-literal }
consumers:
  ann: { project: web, basic: { password: pw-literal }, hmac: [{ id: ann-1, secret: hmac-literal-secret }] }
  bob: { project: web, basic: { passwordHash: '$scrypt$ln=1,r=1,p=1$hash-literal' } }
keys:
  web: { project: web, secret: web-web-web }
  longer: { project: p, secret: sk-literal-longer }
  half: { project: p, secret: 'sk-half-\${env:REST}' }
`);
  for (const secret of [
    'sk-literal',
    't0k+n',
    'me:pw',
    'sk-half',
    'pw-literal',
    'hmac-literal',
    'hash-literal',
  ])
    assert.ok(!shown.includes(secret), secret);
  assert.ok(shown.includes("apiKey: '${env:KEY}'"));
  assert.ok(shown.includes("authorization: 'Bearer ${env:T}'"));
  assert.ok(shown.includes('web: { project: web, secret: [hidden] }'));
  assert.equal(shown.match(/\[hidden\]/g)?.length, 10);
});

test('a secret is hidden however YAML spells it', () => {
  const shown = hideSecrets(String.raw`
providers:
  folded:
    apiKey: >-
      sk-folded
  block:
    tls:
      key: |
        -----BEGIN PRIVATE KEY-----
        c2VjcmV0
        -----END PRIVATE KEY-----
    dialect: openai-chat
  quoted: { apiKey: "sk-\x71uoted", headers: { x-key: 'it''s' } }
  plain:
    apiKey: sk-over
      two-lines
  anchored: { dialect: &other sk-anchored, apiKey: *other }
  number: { headers: { x-pin: 4711 } }
keys:
  k: { project: p, secret: !!str sk-tagged }
`);
  for (const secret of ['sk-', 'c2VjcmV0', 'it', '4711', 'two-lines', 'BEGIN', 'x71'])
    assert.ok(!shown.includes(secret), `${secret} in ${shown}`);
  const document = parse(shown, { logLevel: 'error' }) as { providers: Record<string, object> };
  assert.deepEqual(Object.keys(document.providers).length, 6);
  assert.match(shown, /dialect: openai-chat/);
});

test('so are secrets of policies of the operator’s own, as their schemas say', () => {
  const properties = { token: { type: 'string', writeOnly: true }, plain: { type: 'string' } };
  const described = {
    name: 'mine',
    file: 'mine.ts',
    description: null,
    schema: { type: 'object', properties },
  };
  const kind = { ...described, hooks: [], isolated: false, reads: [], timeoutMs: 1000 };
  const own = { folder: '/p', digest: '', files: {}, kinds: [kind] };
  const text = 'policies: [{ mine: { token: t0p-secret, plain: seen } }]\n';
  assert.equal(hideSecrets(text, own), text.replace('t0p-secret', '[hidden]'));
});
