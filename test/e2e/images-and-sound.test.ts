import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import OpenAI, { toFile } from '../clients/node_modules/openai/index.mjs';
import { soundOf } from '../../simulator/images-and-sound.ts';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let client: OpenAI;
/** Of the last answer. */
let exchange = '';
before(async () => {
  const options = await everyDialect();
  const config = options.config as { prices: object };
  const units = { images: '0.04', characters: '0.000015', seconds: '0.0001' };
  const price = { input: '5', output: '10', inputImage: '8', outputImage: '40', outputAudio: '12', units };
  gateway = await startTestGateway({
    ...options,
    config: { ...config, prices: { ...config.prices, 'o/*': price } },
  });
  client = clientOf(testKey);
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const clientOf = (apiKey: string) =>
  new OpenAI({
    apiKey,
    baseURL: `${gateway.url}/v1`,
    maxRetries: 0,
    async fetch(input: string | URL | Request, init?: RequestInit) {
      const answer = await fetch(input, init);
      exchange = answer.headers.get('x-sluice-exchange') ?? '';
      return answer;
    },
  });

const lastCall = () => gateway.simulator.calls().at(-1)!;
/** Cost by what it is for, in nano-units. */
async function costs(): Promise<Record<string, bigint>> {
  const receipt = await receiptOf(gateway, exchange);
  assert.equal(receipt.outcome, 'completed');
  const { lines, units = [] } = receipt.attempts.at(-1)!;
  const shown: Record<string, bigint> = {};
  for (const { line, costNano } of lines) {
    const { direction, modality } = line as { direction: string; modality?: string };
    if (line.count > 0) shown[`${direction}/${modality}`] = BigInt(costNano);
  }
  for (const { unit, costNano } of units) shown[unit] = BigInt(costNano);
  return shown;
}

describe('images', () => {
  test('are made, and billed by what they are of', async () => {
    const { data, usage } = await client.images.generate({
      model: 'o/gpt-image-sim',
      prompt: 'a red house',
      n: 2,
    });
    assert.equal(data?.length, 2);
    assert.equal(usage?.output_tokens, 2000);
    assert.equal((lastCall().body as { model: string }).model, 'gpt-image-sim');
    assert.deepEqual(await costs(), { 'input/text': 15_000n, 'output/image': 80_000_000n });
  });

  test('of models that report nothing are billed by the picture', async () => {
    await client.images.generate({ model: 'o/dall-e-sim', prompt: 'a red house', n: 3 });
    assert.deepEqual(await costs(), { images: 120_000_000n });
  });

  test('stream, the unfinished ones first', async () => {
    const stream = await client.images.generate({
      model: 'o/gpt-image-sim',
      prompt: 'a red house',
      stream: true,
      partial_images: 3,
    });
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    assert.deepEqual(types, [
      ...Array<string>(3).fill('image_generation.partial_image'),
      'image_generation.completed',
    ]);
    assert.deepEqual(await costs(), { 'input/text': 15_000n, 'output/image': 40_000_000n });
  });

  test('are changed: a form with files passes byte for byte, but for the name of the model', async () => {
    // Whatever the bytes are, line breaks and dashes among them.
    const bytes = Buffer.concat([randomBytes(300_000), Buffer.from('\r\n--\r\n'), randomBytes(1000)]);
    const { data } = await client.images.edit({
      model: 'o/gpt-image-sim',
      prompt: 'größer, 大きく',
      image: await toFile(bytes, 'a "b".png', { type: 'image/png' }),
    });
    assert.equal(data?.length, 1);
    const { model, prompt, image } = lastCall().body as { model: string; prompt: string; image: object };
    assert.equal(model, 'gpt-image-sim');
    assert.equal(prompt, 'größer, 大きく');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    assert.deepEqual(image, { name: 'a "b".png', type: 'image/png', size: bytes.length, sha256 });
    assert.deepEqual(await costs(), {
      'input/text': 10_000n,
      'input/image': 800_000n,
      'output/image': 40_000_000n,
    });
  });

  test('are changed, streamed, with several files', async () => {
    const files = await Promise.all(['one', 'two'].map((text) => toFile(Buffer.from(text), `${text}.png`)));
    const stream = await client.images.edit({
      model: 'o/gpt-image-sim',
      prompt: 'together',
      image: files,
      stream: true,
    });
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    assert.equal(types.at(-1), 'image_edit.completed');
    await costs();
  });

  test("kept at the provider are nobody's to name", async () => {
    const answer = await fetch(`${gateway.url}/v1/images/edits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'o/gpt-image-sim', prompt: 'x', images: [{ file_id: 'file-1' }] }),
    });
    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /images\[0\]\.file_id/);
  });
});

describe('speech', () => {
  const text = 'Good morning, Zürich';

  test('is sound as it comes, billed by the letter', async () => {
    const answer = await client.audio.speech.create({ model: 'o/tts-sim', voice: 'alloy', input: text });
    assert.equal(answer.headers.get('content-type'), 'audio/mpeg');
    assert.equal(await answer.text(), soundOf(text));
    assert.equal((await costs())['characters'], 300_000n);
  });

  test('comes in events, and is billed by the token', async () => {
    const answer = await client.audio.speech.create({
      model: 'o/tts-sim',
      voice: 'alloy',
      input: text,
      stream_format: 'sse',
    });
    assert.match(await answer.text(), /speech\.audio\.delta[^]*speech\.audio\.done/);
    assert.deepEqual(await costs(), { 'input/text': 15_000n, 'output/audio': 600_000n });
  });

  test('that breaks off is broken off for the client, and nothing is added to it', async () => {
    gateway.simulator.enqueue({ resetAt: 4 });
    const answer = await client.audio.speech.create({ model: 'o/tts-sim', voice: 'alloy', input: text });
    const { body } = answer;
    const got: Buffer[] = [];
    await assert.rejects(async () => {
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) got.push(Buffer.from(chunk));
    });
    const heard = Buffer.concat(got);
    assert.ok(Buffer.from(soundOf(text)).subarray(0, heard.length).equals(heard));
    const receipt = await receiptOf(gateway, exchange);
    assert.equal(receipt.outcome, 'upstream_error');
  });

  test('whose client goes takes the upstream with it', async () => {
    gateway.simulator.enqueue({ paceMs: 20 });
    const abort = new AbortController();
    const answer = await client.audio.speech.create(
      { model: 'o/tts-sim', voice: 'alloy', input: text.repeat(10) },
      { signal: abort.signal },
    );
    await (answer.body as unknown as ReadableStream<Uint8Array>).getReader().read();
    abort.abort();
    const receipt = await receiptOf(gateway, exchange);
    assert.equal(receipt.outcome, 'client_gone');
    for (const until = Date.now() + 5_000; lastCall().finished !== 'client-gone' && Date.now() < until;)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(lastCall().finished, 'client-gone');
  });
});

describe('transcriptions', () => {
  const said = 'What was said, word for word.';
  const file = () => toFile(randomBytes(5000), 'sound.wav', { type: 'audio/wav' });

  test('by the token', async () => {
    const { text } = await client.audio.transcriptions.create({
      model: 'o/gpt-transcribe-sim',
      file: await file(),
    });
    assert.equal(text, said);
    const receipt = await receiptOf(gateway, exchange);
    assert.deepEqual(countsOf(receipt.attempts[0]!), { input: 90, output: 6 });
  });

  test('by the second', async () => {
    await client.audio.transcriptions.create({ model: 'o/whisper-sim', file: await file() });
    assert.deepEqual(await costs(), { seconds: 700_000n });
  });

  test('as plain text', async () => {
    const text = await client.audio.transcriptions.create({
      model: 'o/gpt-transcribe-sim',
      file: await file(),
      response_format: 'text',
    });
    assert.equal(text, `${said}\n`);
  });

  test('streamed', async () => {
    const stream = await client.audio.transcriptions.create({
      model: 'o/gpt-transcribe-sim',
      file: await file(),
      stream: true,
    });
    let text = '';
    for await (const event of stream) if (event.type === 'transcript.text.delta') text += event.delta;
    assert.equal(text, said);
    const receipt = await receiptOf(gateway, exchange);
    assert.deepEqual(countsOf(receipt.attempts[0]!), { input: 90, output: 6 });
  });

  test('translations', async () => {
    const { text } = await client.audio.translations.create({
      model: 'o/gpt-transcribe-sim',
      file: await file(),
    });
    assert.equal(text, said);
    assert.equal(lastCall().path, '/v1/audio/translations');
  });
});

test('moderations: without a model it is the usual one, and it costs nothing', async () => {
  const { results } = await client.moderations.create({ input: ['peace', 'violence'] });
  assert.deepEqual(
    results.map(({ flagged }) => flagged),
    [false, true],
  );
  assert.deepEqual(await costs(), {});
});

describe('errors', () => {
  test('are of the client library', async () => {
    await assert.rejects(
      clientOf('sk-wrong').images.generate({ model: 'o/gpt-image-sim', prompt: 'x' }),
      OpenAI.AuthenticationError,
    );
    gateway.simulator.enqueue({ status: 429, retryAfter: 3 });
    await assert.rejects(
      client.audio.speech.create({ model: 'o/tts-sim', voice: 'alloy', input: 'x' }),
      OpenAI.RateLimitError,
    );
    await assert.rejects(
      client.audio.speech.create({ model: 'c/command-sim', voice: 'alloy', input: 'x' }),
      /c is not known to do speech/,
    );
  });

  const form = (parts: string[], boundary = 'B') =>
    fetch(`${gateway.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${testKey}`,
        'content-type': `multipart/form-data; boundary=${boundary}`,
      },
      body: parts.join('\r\n'),
    });
  const field = (name: string, value: string) =>
    `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}`;

  for (const [what, parts, expected] of [
    ['no delimiter', ['nothing'], /its boundary does not occur/],
    ['no end', [field('model', 'o/whisper-sim')], /it ends within a part/],
    ['no parts', ['--B--'], /it has no parts/],
    ['a part without a name', ['--B\r\nContent-Disposition: form-data\r\n\r\nx', '--B--'], /with a name/],
    [
      'another encoding',
      [
        '--B\r\nContent-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: base64\r\n\r\nx',
        '--B--',
      ],
      /transfer encoding/,
    ],
    [
      'the model twice',
      [field('model', 'o/whisper-sim'), field('model', 'o/other'), '--B--'],
      /names ..model.. twice/,
    ],
    [
      'a name twice',
      ['--B\r\nContent-Disposition: form-data; name="a"; name="model"\r\n\r\nx', '--B--'],
      /says ..name.. twice/,
    ],
    ['no model', [field('language', 'de'), '--B--'], /model: expected a string, got nothing/],
  ] as const)
    test(`a form with ${what} is 400, and reaches nobody`, async () => {
      const before = gateway.simulator.calls().length;
      const answer = await form([...parts]);
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), expected);
      assert.equal(gateway.simulator.calls().length, before);
    });
});
