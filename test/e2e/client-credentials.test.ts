import assert from 'node:assert/strict';
import { generateKeyPairSync, verify } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

let tokens: JsonUpstream;
let guarded: JsonUpstream;
let gateway: TestGateway;
/** Given out by client, and those of them that hold. */
const given: string[] = [];
const holding = new Set<string>();
const asked: URLSearchParams[] = [];
let lifeS = 3600;
let isDown = false;

/** Whoever has proved to be a client by its secret or its key (RFC 6749 §2.3.1, RFC 7523); null: nobody. */
function clientOf(authorization: string | undefined, form: URLSearchParams): string | null {
  if (authorization?.startsWith('Basic ')) {
    const [id, secret] = Buffer.from(authorization.slice(6), 'base64')
      .toString()
      .split(':')
      .map((text) => decodeURIComponent(text.replaceAll('+', ' ')));
    return secret === 'geheim & more' ? id! : null;
  }
  if (form.get('client_secret') === 'geheim & more') return form.get('client_id');
  const [header, claims, signature] = (form.get('client_assertion') ?? '').split('.');
  if (signature === undefined) return null;
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' as const };
  const holds = verify(
    'sha256',
    Buffer.from(`${header}.${claims}`),
    key,
    Buffer.from(signature, 'base64url'),
  );
  const { sub, aud } = JSON.parse(Buffer.from(claims!, 'base64url').toString()) as {
    sub: string;
    aud: string;
  };
  return holds && aud === `${tokens.url}/token` ? sub : null;
}

before(async () => {
  tokens = await startJsonUpstream((response, { body, request }) => {
    const form = new URLSearchParams(body);
    asked.push(form);
    response.setHeader('content-type', 'application/json');
    const client = clientOf(request.headers.authorization, form);
    if (isDown || client === null) {
      response.statusCode = isDown ? 503 : 401;
      return void response.end('{"error":"invalid_client","error_description":"who are you"}');
    }
    const token = `${client}-${given.length}`;
    given.push(token);
    holding.add(token);
    response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: lifeS }));
  });
  guarded = await startJsonUpstream((response, { body, request }) => {
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    response.setHeader('content-type', 'application/json');
    response.statusCode = holding.has(token) ? 200 : 401;
    const choices = [{ index: 0, message: { role: 'assistant', content: token }, finish_reason: 'stop' }];
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    response.end(JSON.stringify({ token, body, id: 'x', object: 'chat.completion', choices, usage }));
  });
  const secret = { tokenUrl: `${tokens.url}/token`, clientSecret: 'geheim & more' };
  const key = { tokenUrl: `${tokens.url}/token`, privateKey: pem, keyAlgorithm: 'ES256', keyId: 'k1' };
  const route = (name: string, to: object) => ({ name, match: { path: `/${name}/**` }, to, policies: [] });
  gateway = await startTestGateway({
    config: {
      providers: {
        guarded: {
          dialect: 'openai-chat',
          baseUrl: `${guarded.url}/v1`,
          oauth2: { ...secret, clientId: 'model', scope: 'chat' },
        },
      },
      prices: {},
      upstreams: {
        group: {
          targets: [guarded.url],
          oauth2: { ...secret, clientId: 'group', auth: 'post', audience: 'orders' },
        },
      },
      routes: [
        { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
        route('own', { http: guarded.url, oauth2: { ...secret, clientId: 'own' } }),
        route('group', { upstream: 'group' }),
        route('key', { http: guarded.url, oauth2: { ...key, clientId: 'key' } }),
        route('wrong', {
          http: guarded.url,
          oauth2: { ...secret, clientId: 'wrong', clientSecret: 'guessed' },
        }),
        route('brief', { http: guarded.url, oauth2: { ...secret, clientId: 'brief' } }),
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  await tokens.close();
  await guarded.close();
});

const call = async (path: string, init: RequestInit = {}) => {
  const answer = await fetch(gateway.url + path, init);
  const text = await answer.text();
  return {
    status: answer.status,
    text,
    token: (JSON.parse(text) as { token?: string }).token,
    headers: answer.headers,
  };
};
const chat = (content = 'hi') =>
  call('/v1/chat/completions', {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'guarded/m', messages: [{ role: 'user', content }] }),
  });
/** The upstream takes none of the tokens that there are. */
const forget = () => holding.clear();

describe('client credentials', () => {
  test('a secret in the header, a secret in the body, a key: each gets a token, once for many calls', async () => {
    for (const [name, field, value] of [
      ['own', 'grant_type', 'client_credentials'],
      ['group', 'audience', 'orders'],
      ['key', 'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
    ] as const) {
      const before = given.length;
      const answers = await Promise.all(Array.from({ length: 10 }, () => call(`/${name}/x`)));
      for (const { status, token, text } of answers) {
        assert.equal(status, 200, text);
        assert.equal(token, given.at(-1));
        assert.ok(token!.startsWith(`${name}-`));
      }
      assert.equal(given.length, before + 1, 'however many call, it is asked for once');
      assert.equal(asked.at(-1)!.get(field), value);
    }
  });

  test("a caller's own token goes no further", async () => {
    const { token } = await call('/own/x', { headers: { authorization: 'Bearer of-the-caller' } });
    assert.ok(token!.startsWith('own-'));
  });

  test('a provider of models is called by it', async () => {
    const { status, text } = await chat();
    assert.equal(status, 200, text);
    assert.equal(asked.at(-1)!.get('scope'), 'chat');
    assert.ok(text.includes('model-'));
  });

  test('a token that is refused is replaced once, and the request made again', async () => {
    forget();
    const before = { given: given.length, count: guarded.count };
    assert.equal((await call('/own/x')).token, given.at(-1));
    const post = await call('/group/x', { method: 'POST', body: 'one that was to be sent once' });
    // It has left while it arrived: what comes back is the refusal, and the next one passes.
    assert.equal(post.status, 401);
    assert.equal((await call('/group/x', { method: 'POST', body: 'again' })).status, 200);
    const { status, text, headers } = await chat('again');
    assert.equal(status, 200, text);
    assert.equal((await receiptOf(gateway, headers.get('x-sluice-exchange')!)).attempts.length, 1);
    assert.deepEqual([given.length - before.given, guarded.count - before.count], [3, 6]);
    forget();
    assert.equal(
      (await call('/own/x')).status,
      401,
      'who refuses every token is not asked with ever more of them',
    );
    assert.equal(given.length - before.given, 3);
  });

  test('who is refused for it gets no token, and the caller a fault of the upstream', async () => {
    const { status, text } = await call('/wrong/x');
    assert.equal(status, 502);
    assert.match(
      text,
      /upstream\/credential.*gave no token. It answered 401: invalid_client \(who are you\)|gave no token. It answered 401/,
    );
    assert.ok(!text.includes('guessed'));
  });

  test('while the token server is down the old token is used, and without one nothing is called', async (t) => {
    t.after(() => (isDown = false));
    assert.equal((await call('/key/x')).status, 200);
    isDown = true;
    assert.equal((await call('/key/x')).status, 200);
    const before = guarded.count;
    const { status, text, headers } = await call('/brief/x');
    assert.equal(status, 502, text);
    assert.equal(guarded.count, before);
    const { attempts } = await receiptOf(gateway, headers.get('x-sluice-exchange')!);
    assert.equal(attempts[0]!.fault, 'upstream/credential');
  });

  test('a short-lived token is renewed by its own measure', async () => {
    lifeS = 60;
    const before = given.length;
    for (let i = 0; i < 5; i++) assert.equal((await call('/brief/x')).status, 200);
    assert.equal(given.length, before + 1);
    lifeS = 3600;
  });
});
