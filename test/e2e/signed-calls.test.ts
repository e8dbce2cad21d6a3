import assert from 'node:assert/strict';
import { createVerify, generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { awsSecretOf, awsTokenOf } from '../../simulator/aws-signature.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import {
  AccessDeniedException,
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
} from '../harness/bedrock-runtime.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const arn = 'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sim-v1:0';
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

/** Gives an access token for each good assertion. */
class TokenServer {
  readonly assertions: string[] = [];
  lifeS = 3600;
  failing = false;
  readonly #server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text) => (body += text));
    request.on('end', () => {
      const assertion = new URLSearchParams(body).get('assertion') ?? '';
      const [header = '', claims = '', signature = ''] = assertion.split('.');
      const good = createVerify('RSA-SHA256')
        .update(`${header}.${claims}`)
        .verify(publicKey, signature, 'base64url');
      this.assertions.push(assertion);
      const status = this.failing ? 500 : good ? 200 : 400;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(
        status === 200
          ? JSON.stringify({ access_token: `ya29.${this.assertions.length}`, expires_in: this.lifeS })
          : '{"error":"invalid_grant"}',
      );
    });
  });
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
  }
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let gateway: TestGateway;
let simulator: Simulator;
let client: InstanceType<typeof BedrockRuntimeClient>;
const tokens = new TokenServer();

const accountAt = (tokenUrl: string) =>
  JSON.stringify({
    type: 'service_account',
    project_id: 'shop',
    private_key: privateKey,
    client_email: 'gateway@shop.iam.gserviceaccount.com',
    token_uri: tokenUrl,
  });

before(async () => {
  simulator = await startSimulator({ port: 0 });
  const tokenUrl = await tokens.start();
  const bedrock = { kind: 'bedrock', baseUrl: simulator.url };
  const region = 'eu-west-1';
  const keyOf = (id: string) => ({ region, accessKeyId: id, secretAccessKey: awsSecretOf(id) });
  const vertex = {
    kind: 'vertex',
    baseUrl: `${simulator.url}/v1/projects/shop/locations/global/publishers/google`,
  };
  gateway = await startTestGateway({
    simulator,
    config: {
      providers: {
        long: { ...bedrock, aws: keyOf('AKIALONG') },
        short: { ...bedrock, aws: { ...keyOf('ASIASHORT'), sessionToken: awsTokenOf('ASIASHORT') } },
        wrong: {
          ...bedrock,
          aws: { ...keyOf('AKIAWRONG'), secretAccessKey: 'not it', sessionToken: 'token-of-it' },
        },
        missing: { ...bedrock, aws: { region, profile: 'nobody-has-this-profile' } },
        key: { ...bedrock, apiKey: 'bedrock-api-key', aws: { region } },
        vertex: { ...vertex, google: { credentials: accountAt(tokenUrl) } },
        away: { ...vertex, google: { credentials: accountAt('http://127.0.0.1:1/token') } },
      },
      prices: {},
      models: {
        either: { targets: ['missing/m', 'away/gemini-sim', 'long/m'] },
        nobody: { targets: ['missing/m'] },
      },
      routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: {} } }],
    },
  });
  client = new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: gateway.url,
    token: { token: testKey },
    authSchemePreference: ['httpBearerAuth'],
    maxAttempts: 1,
  });
});
after(async () => {
  client.destroy();
  await gateway.stop();
  await simulator.close();
  await tokens.stop();
});

const converse = (modelId: string, options: object = { text: 'Signed and good.' }) =>
  client.send(
    new ConverseCommand({ modelId, messages: [{ role: 'user', content: [{ text: script(options) }] }] }),
  );
const lastCall = () => simulator.calls().at(-1)!;
const authorization = () => String(lastCall().requestHeaders!.authorization);

describe('SigV4, verified by whoever is called', () => {
  for (const model of ['long/amazon.nova-lite-v1:0', `long/${arn}`, 'short/m', 'short/ä b(c)!']) {
    test(`${model}, whole and streamed`, async () => {
      const answer = await converse(model);
      assert.equal(answer.output!.message!.content![0]!.text, 'Signed and good.');
      assert.match(
        authorization(),
        /^AWS4-HMAC-SHA256 Credential=A(?:KIALONG|SIASHORT)\/\d{8}\/eu-west-1\/bedrock\/aws4_request, SignedHeaders=content-type;host;x-amz-/,
      );
      const streamed = await client.send(
        new ConverseStreamCommand({
          modelId: model,
          messages: [{ role: 'user', content: [{ text: script({ text: 'One two.' }) }] }],
        }),
      );
      let text = '';
      for await (const event of streamed.stream!) text += event.contentBlockDelta?.delta?.text ?? '';
      assert.equal(text, 'One two.');
    });
  }

  test("calls of another dialect's clients are signed as they are translated", async () => {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: `long/${arn}`,
        messages: [{ role: 'user', content: script({ text: 'Grüße, 世界.' }) }],
      }),
    });
    const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] };
    assert.equal(choices[0]!.message.content, 'Grüße, 世界.');
    assert.equal(lastCall().model, arn);
  });

  test('the wrong secret is refused there, in words that the client knows', async () => {
    await assert.rejects(converse('wrong/m'), (error: unknown) => {
      assert.ok(error instanceof AccessDeniedException);
      assert.match(error.message, /does not match the signature/);
      assert.doesNotMatch(error.message, /canonical|token-of-it/i);
      return true;
    });
  });

  test('with an API key nothing is signed', async () => {
    await converse('key/m');
    assert.equal(authorization(), 'Bearer bedrock-api-key');
  });
});

describe('what cannot be proved', () => {
  test('has its reason on the answer and on the receipt', async () => {
    const before = simulator.calls().length;
    const answer = await fetch(`${gateway.url}/model/nobody/converse`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}` },
      body: JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'hi' }] }] }),
    });
    assert.equal(answer.status, 502);
    const { message } = (await answer.json()) as { message: string };
    assert.match(message, /The profile "nobody-has-this-profile" has no aws_access_key_id/);
    const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
    assert.equal(receipt.attempts.length, 1);
    assert.equal(simulator.calls().length, before, 'nobody was called');
  });

  test('goes to the next target, unseen', async () => {
    const answer = await converse('either');
    assert.equal(answer.output!.message!.content![0]!.text, 'Signed and good.');
    assert.match(authorization(), /Credential=AKIALONG/);
  });
});

describe('access tokens of Google Cloud', () => {
  const generate = (model: string) =>
    fetch(`${gateway.url}/v1beta/models/${model}:generateContent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: script({ text: 'Hello.' }) }] }] }),
    });

  test('many calls at once fetch one token, and it is used again', async () => {
    tokens.assertions.length = 0;
    const all = await Promise.all(Array.from({ length: 8 }, () => generate('vertex/gemini-sim')));
    assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]));
    assert.equal((await generate('vertex/gemini-sim')).status, 200);
    assert.equal(tokens.assertions.length, 1);
    assert.equal(authorization(), 'Bearer ya29.1');
    assert.equal(
      lastCall().path,
      '/v1/projects/shop/locations/global/publishers/google/models/gemini-sim:generateContent',
    );
    const claims = Buffer.from(tokens.assertions[0]!.split('.')[1]!, 'base64url').toString();
    assert.match(claims, /"iss":"gateway@shop\.iam\.gserviceaccount\.com"/);
  });

  test("a token server that cannot be reached is a fault of the target's", async () => {
    const answer = await generate('away/gemini-sim');
    assert.equal(answer.status, 502);
    assert.match(await answer.text(), /127\.0\.0\.1:1 gave no credential/);
  });
});
