import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signRequest } from '../../../src/providers/signers/aws-sigv4/sign-request.ts';
import { signByAws } from '../../harness/aws-signer.ts';

const atMs = Date.UTC(2026, 10, 24, 3, 4, 5, 678);
const keys = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: null,
};
/** What the gateway adds and nobody signs. */
const unsigned = new Set(['accept', 'accept-encoding', 'traceparent', 'x-sluice-exchange']);

interface Case {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Record<string, string | string[]>;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly sessionToken?: string;
  readonly region?: string;
}

const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Both sign the same; all that either puts on the request is compared. */
async function compare(of: Case): Promise<void> {
  const {
    method = 'POST',
    path = '/',
    query = {},
    body = '',
    sessionToken = null,
    region = 'us-east-1',
  } = of;
  const headers = { host: 'bedrock-runtime.us-east-1.amazonaws.com', ...of.headers };
  const scope = { region, service: 'bedrock', atMs };
  const theirs = await signByAws(
    { method, path, query, headers, body },
    { ...keys, ...scope, sessionToken, unsigned },
  );
  const pairs = Object.entries(query).flatMap(([name, values]) =>
    [values].flat().map((value) => `${encode(name)}=${encode(value)}`),
  );
  const ours = signRequest(
    {
      method,
      path: path + (pairs.length > 0 ? `?${pairs.join('&')}` : ''),
      headers: Object.entries(headers).flat(),
      body: Buffer.from(body),
    },
    { ...keys, sessionToken },
    scope,
  );
  const mine: Record<string, string> = {};
  for (let i = 0; i < ours.length; i += 2) mine[ours[i]!] = ours[i + 1]!;
  assert.deepEqual(mine, theirs, JSON.stringify(of));
}

const cases: Record<string, Case> = {
  'a model by its name': { path: '/model/amazon.nova-lite-v1%3A0/converse', body: '{"messages":[]}' },
  'a model by its ARN, whose slashes are escaped on the wire': {
    path: '/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.claude/converse-stream',
  },
  'a session token': { path: '/model/m/converse', sessionToken: 'IQoJb3JpZ2luX2VjE//////+==' },
  'headers that are signed, and such as are not': {
    path: '/model/m/invoke',
    headers: {
      'content-type': 'application/json',
      'x-amz-meta': '  two   words\tand more ',
      accept: 'application/json',
      'accept-encoding': 'identity',
      traceparent: '00-0-0-00',
      'x-sluice-exchange': 'x1',
    },
  },
  'a query': { method: 'GET', path: '/', query: { b: 'two words', a: ['2', '1'], 'c d': '', ü: "!'()*~" } },
  'another region, other letters': { path: '/a/', region: 'eu-central-1', body: 'Grüße, 世界 😀' },
  'slashes in a row': { path: '/a//b/' },
};

for (const [name, of] of Object.entries(cases)) {
  test(`SigV4 is what AWS's own signer makes: ${name}`, () => compare(of));
}

test('a signature that was there before is replaced', () => {
  const before = ['host', 'h', 'authorization', 'old', 'x-amz-date', 'old', 'x-amz-security-token', 'old'];
  const request = { method: 'POST', path: '/', headers: before, body: Buffer.from('') };
  const signed = signRequest(request, keys, { region: 'r', service: 's', atMs });
  assert.ok(!signed.includes('old'));
  assert.equal(signed.filter((word) => word === 'authorization').length, 1);
});

test("SigV4 is what AWS's own signer makes: requests at random", async () => {
  let seed = 20261124;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed % below;
  };
  const letters = [..."aZ09-_.~ !'()*%/:=+&?#@,$äß世😀"];
  const word = (most: number) =>
    Array.from({ length: 1 + random(most) }, () => letters[random(letters.length)]).join('');
  const rounds = process.env['SLUICE_LONG'] ? 20_000 : 300;
  for (let i = 0; i < rounds; i++) {
    const segments = Array.from({ length: 1 + random(4) }, () => encode(word(12)));
    // Dot segments never leave the gateway.
    if (segments.some((segment) => /^\.+$/.test(segment))) continue;
    await compare({
      path: `/${segments.join('/')}`,
      query: Object.fromEntries(Array.from({ length: random(3) }, () => [word(5), word(8)])),
      headers: { 'content-type': 'application/json', ...(random(2) && { 'x-amz-note': encode(word(9)) }) },
      body: word(40),
      ...(random(2) && { sessionToken: encode(word(30)) }),
    });
  }
});
