import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hideSecrets } from './hide-secrets.ts';

test('secrets written literally are hidden, references and everything else stay', () => {
  const text = `
providers:
  a: { dialect: openai-chat, apiKey: sk-literal, headers: { x-token: "t0k+n" } }
  b: { apiKey: '\${env:KEY}', proxy: http://me:pw@proxy:80 }
keys:
  web: { project: web, secret: web }
  longer: { project: p, secret: sk-literal-longer }
`;
  const document = {
    version: 1,
    providers: {
      a: { dialect: 'openai-chat', apiKey: 'sk-literal', headers: { 'x-token': 't0k+n' } },
      b: { apiKey: 'filled-in', proxy: 'http://me:pw@proxy:80' },
    },
    keys: {
      web: { project: 'p', secret: 'abcdefgh' },
      longer: { project: 'p', secret: 'sk-literal-longer' },
    },
  };
  const shown = hideSecrets(text, document as never);
  for (const secret of ['sk-literal', 't0k+n', 'me:pw']) assert.ok(!shown.includes(secret), secret);
  assert.ok(shown.includes("apiKey: '${env:KEY}'"));
  assert.ok(shown.includes('web: { project: web, secret: web }'), 'a word that is no secret');
  assert.equal(shown.match(/\[hidden\]/g)?.length, 4);
});
