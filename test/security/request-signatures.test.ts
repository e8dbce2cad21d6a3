import assert from 'node:assert/strict';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

const secret = 'a secret of more than sixteen';
let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    threads: 2,
    config: {
      policies: [{ 'hmac-auth': {} }],
      consumers: {
        robot: { project: 'web', hmac: [{ id: 'robot-1', secret: '${env:ROBOT_SECRET}' }] },
        other: { project: 'web', hmac: [{ id: 'other-1', secret: 'another secret of sixteen' }] },
      },
    },
    env: { ROBOT_SECRET: secret },
  });
});
after(() => gateway.stop());

interface Wish {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly covers?: readonly string[];
  /** In place of what is said of the signature; undefined leaves it out. */
  readonly parameters?: Readonly<Record<string, string | undefined>>;
  readonly secret?: string;
  /** Headers beside, or in place of those that belong to it. */
  readonly headers?: Readonly<Record<string, string>>;
}

const digestOf = (body: string) => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;

/** Signs a request by RFC 9421, by its own means. */
function sign(wish: Wish = {}) {
  const { method = 'GET', path = '/api/echo/x?a=1', body } = wish;
  const { pathname, search } = new URL(path, gateway.url);
  const headers: Record<string, string> = {
    ...(body === undefined ? {} : { 'content-digest': digestOf(body) }),
    ...wish.headers,
  };
  const derived: Record<string, string> = {
    '@method': method,
    '@authority': new URL(gateway.url).host,
    '@path': pathname,
    '@query': search || '?',
    '@target-uri': gateway.url + path,
  };
  const covers = wish.covers ?? [
    ...['@method', '@authority', '@path', '@query'],
    ...(body === undefined ? [] : ['content-digest']),
  ];
  const parameters = {
    created: String(Math.floor(Date.now() / 1000)),
    keyid: '"robot-1"',
    alg: '"hmac-sha256"',
    nonce: `"${randomUUID()}"`,
    ...wish.parameters,
  };
  const said = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : `;${name}=${value}`,
  );
  const list = `(${covers.map((name) => `"${name}"`).join(' ')})${said.join('')}`;
  const lines = covers.map((name) => `"${name}": ${derived[name] ?? headers[name]}`);
  const base = [...lines, `"@signature-params": ${list}`].join('\n');
  const signature = createHmac('sha256', wish.secret ?? secret)
    .update(base)
    .digest('base64');
  return {
    method,
    path,
    body,
    headers: { 'signature-input': `sig=${list}`, signature: `sig=:${signature}:`, ...headers },
  };
}

type Signed = ReturnType<typeof sign>;
const send = async ({ method, path, headers, body }: Signed) => {
  const answer = await fetch(gateway.url + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
};
const refused = async (signed: Signed, why: RegExp) => {
  const { status, text } = await send(signed);
  assert.equal(status, 401, text);
  assert.match(text, why);
};

describe('security 25: signatures', () => {
  test('one that is right lets the request pass, and goes no further', async () => {
    const { status, text } = await send(sign());
    assert.equal(status, 200, text);
    assert.doesNotMatch(text, /signature|robot-1/);
    assert.equal((await send(sign({ method: 'POST', body: '{"a":1}' }))).status, 200);
    assert.equal((await send(sign({ covers: ['@method', '@target-uri'] }))).status, 200);
  });

  test('without one the request is refused, and told what to sign', async () => {
    const { status, headers } = await send({ ...sign(), headers: {} } as Signed);
    assert.equal(status, 401);
    assert.match(
      headers.get('accept-signature')!,
      /^sig=\("@method" "@authority" "@path" "@query"\);created;keyid/,
    );
  });

  test('a body without a digest, or with that of another, is refused', async () => {
    const post = { method: 'POST', body: '{"amount":1}' };
    const undigested = sign({ ...post, covers: ['@method', '@authority', '@path', '@query'] });
    await refused(undigested, /does not cover \\"content-digest\\"/);
    await refused({ ...sign(post), body: '{"amount":1000}' }, /not the one that Content-Digest names/);
    const weak = { 'content-digest': 'md5=:AAAAAAAAAAAAAAAAAAAAAA==:' };
    await refused(sign({ ...post, headers: weak }), /not the one that Content-Digest names/);
    // In chunks, whose length nobody says: a body like any other.
    const chunked = sign({ method: 'POST' });
    const lines = Object.entries(chunked.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const raw = `POST ${chunked.path} HTTP/1.1\r\nhost: ${new URL(gateway.url).host}\r\ntransfer-encoding: chunked\r\n${lines.join('')}\r\n1\r\nx\r\n0\r\n\r\n`;
    assert.equal((await sendRaw(gateway.port, raw)).status, 401);
  });

  test('a time too far off on either side is refused, and so is one that is over', async () => {
    const at = (offsetS: number) => ({ created: String(Math.floor(Date.now() / 1000) + offsetS) });
    await refused(sign({ parameters: at(-400) }), /more than 300 s apart/);
    await refused(sign({ parameters: at(400) }), /more than 300 s apart/);
    assert.equal((await send(sign({ parameters: at(-200) }))).status, 200);
    await refused(sign({ parameters: { expires: '1000' } }), /was good until 1000/);
  });

  test('a nonce is taken once, on whatever thread it comes again', async () => {
    const signed = sign();
    const answers = await Promise.all(Array.from({ length: 12 }, () => send(signed)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.match(answers.find(({ status }) => status === 401)!.text, /used before/);
    // Nor with another request: it is the key's own.
    const nonce = /nonce=("[^"]+")/.exec(signed.headers['signature-input']!)![1]!;
    await refused(sign({ path: '/api/echo/y', parameters: { nonce } }), /used before/);
    await refused(sign({ parameters: { nonce: undefined } }), /has no nonce/);
    // Of another key it is another one.
    const other = { keyid: '"other-1"', nonce };
    assert.equal((await send(sign({ parameters: other, secret: 'another secret of sixteen' }))).status, 200);
  });

  test('what was changed after signing is refused, and so are other keys', async () => {
    const signed = sign();
    await refused({ ...signed, path: '/api/echo/other?a=1' }, /not that of a known key/);
    await refused({ ...signed, path: '/api/echo/x?a=2' }, /not that of a known key/);
    await refused({ ...signed, method: 'DELETE' }, /not that of a known key/);
    await refused(sign({ secret: 'some other secret, guessed' }), /not that of a known key/);
    await refused(sign({ parameters: { keyid: '"nobody"' } }), /not that of a known key/);
    // Its own secret, under another consumer's name.
    await refused(sign({ parameters: { keyid: '"other-1"' } }), /not that of a known key/);
    await refused(sign({ covers: ['@method', '@authority', '@path'] }), /does not cover \\"@query\\"/);
  });

  test('what has two readings, or none, is refused', async () => {
    const signed = sign();
    const { signature, 'signature-input': input } = signed.headers as Record<string, string>;
    const odd: Record<string, string>[] = [
      { signature: signature! },
      { 'signature-input': input! },
      { 'signature-input': input!, signature: 'other=:AAAA:' },
      {
        'signature-input': `${input}, b=("@method");created=1;keyid="robot-1"`,
        signature: `${signature}, b=:AAAA:`,
      },
      { 'signature-input': input!, signature: 'sig=":AAAA:"' },
      { 'signature-input': input!, signature: 'sig=::' },
      { 'signature-input': 'sig', signature: signature! },
      { 'signature-input': input!.replace('hmac-sha256', 'none'), signature: signature! },
      { 'signature-input': input!.replace(/created=\d+/, 'created="now"'), signature: signature! },
      { 'signature-input': input!.replace(/;keyid="[^"]+"/, ''), signature: signature! },
      { 'signature-input': 'x'.repeat(20_000), signature: signature! },
    ];
    for (const headers of odd)
      assert.equal(
        (await send({ ...signed, headers } as unknown as Signed)).status,
        401,
        JSON.stringify(headers).slice(0, 200),
      );
  });
});
