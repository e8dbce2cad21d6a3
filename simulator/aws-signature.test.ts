import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signatureFlaw } from './aws-signature.ts';

/** AWS's published examples (its test suite of Signature Version 4), of 30 August 2015. */
const scope = '20150830/us-east-1/service/aws4_request';
const nowMs = Date.UTC(2015, 7, 30, 12, 36, 0);
const secretOf = () => 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

const examples: Record<string, { method: string; url: string; signature: string }> = {
  'get-vanilla': {
    method: 'GET',
    url: '/',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  'get-vanilla-query-order-key-case': {
    method: 'GET',
    url: '/?Param2=value2&Param1=value1',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  'post-vanilla': {
    method: 'POST',
    url: '/',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
};

const flawOf = (signature: string, { method, url }: { method: string; url: string }, at = nowMs) =>
  signatureFlaw(
    {
      method,
      url,
      headersDistinct: {
        host: ['example.amazonaws.com'],
        'x-amz-date': ['20150830T123600Z'],
        authorization: [
          `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`,
        ],
      },
    },
    Buffer.alloc(0),
    { nowMs: at, secretOf },
  );

for (const [name, example] of Object.entries(examples)) {
  test(`a signature that AWS published is found good: ${name}`, () => {
    assert.equal(flawOf(example.signature, example), null);
  });
}

test('what is signed otherwise, or too old, is found bad', () => {
  const example = examples['post-vanilla']!;
  assert.match(flawOf('0'.repeat(64), example) ?? '', /does not match the signature/);
  assert.match(flawOf(example.signature, { ...example, url: '/x' }) ?? '', /does not match the signature/);
  assert.match(flawOf(example.signature, example, nowMs + 301_000) ?? '', /expired/);
});
