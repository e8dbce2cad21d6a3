import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestHead } from '#core/head.ts';
import { checkBinding } from './check-claims.ts';
import { flatClaims } from './claims.ts';

const fingerprint256 = '5f'.repeat(32);
const thumbprint = Buffer.from(fingerprint256, 'hex').toString('base64url');
const shown = (fingerprint: string | null) =>
  ({
    clientCertificate: fingerprint && {
      subject: 'CN=a',
      alternativeNames: [],
      fingerprint256: fingerprint,
    },
  }) as unknown as RequestHead;

test('a token that is bound to a certificate is good with that certificate alone', () => {
  const cnf = { 'x5t#S256': thumbprint };
  checkBinding({ cnf }, shown(fingerprint256));
  checkBinding({}, shown(null));
  for (const [claims, head] of [
    [{ cnf }, shown(null)],
    [{ cnf }, shown('00'.repeat(32))],
    [{ cnf: { ...cnf, jkt: thumbprint } }, shown(fingerprint256)],
    [{ cnf: { jkt: thumbprint } }, shown(fingerprint256)],
    [{ cnf: {} }, shown(fingerprint256)],
    [{ cnf: null }, shown(fingerprint256)],
    [{ cnf: thumbprint }, shown(fingerprint256)],
  ] as const)
    assert.throws(() => checkBinding(claims, head), { code: 'auth/invalid-token' }, JSON.stringify(claims));
});

test('claims become flat: nested names with dots, lists with spaces, and no more than a hundred', () => {
  const claims = JSON.parse(
    '{"sub":"a","n":1,"yes":true,"none":null,"list":["x","y",{}],"deep":{"a":{"b":{"c":{"d":1},"e":2}}},"__proto__":{"admin":"1"}}',
  ) as Record<string, unknown>;
  assert.deepEqual(
    { ...flatClaims(claims) },
    { sub: 'a', n: '1', yes: 'true', list: 'x y', 'deep.a.b.e': '2', '__proto__.admin': '1' },
  );
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`c${i}`, 'x']));
  assert.equal(Object.keys(flatClaims(many)).length, 100);
});
