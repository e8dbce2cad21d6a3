/** The protocol's own client, of each era, with servers of each era. Arguments: where they stand by their names, and a key. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

type Package = typeof import('../../clients/node_modules/@modelcontextprotocol/client/dist/index.d.mts');
const load = createRequire(new URL('../../clients/package.json', import.meta.url));
const { Client, StreamableHTTPClientTransport } = load('@modelcontextprotocol/client') as Package;
const [, , place, key] = process.argv;

for (const era of ['legacy', 'modern'] as const)
  for (const server of ['legacy', 'modern']) {
    const client = new Client(
      { name: 'test', version: '1' },
      {
        capabilities: { elicitation: {} },
        ...(era === 'modern' && { versionNegotiation: { mode: 'auto' as const } }),
      },
    );
    client.setRequestHandler('elicitation/create', () => ({
      action: 'accept',
      content: { username: 'ada', email: 'ada@example.com' },
    }));
    const requestInit = { headers: { authorization: `Bearer ${key}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${place}/${server}`), { requestInit }));
    assert.equal(client.getServerVersion()?.name, 'fixture');
    assert.ok((await client.listTools()).tools.some(({ name }) => name === 'test_elicitation'));
    const called = await client.callTool({ name: 'test_elicitation', arguments: { message: 'Who?' } });
    assert.match(JSON.stringify(called.content), /action=accept, content=.*ada@example\.com/);
    await client.close();
    console.log(`${era} of ${server}`);
  }
