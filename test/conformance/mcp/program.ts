/** The fixture as a program that speaks by its standard input and output: of the era that its argument names. */
import { createRequire } from 'node:module';
import { tools } from './fixture.ts';
import { createLegacy, createModern } from './serve.ts';

type Package = typeof import('../../clients/node_modules/@modelcontextprotocol/server/dist/stdio.d.mts');
const load = createRequire(new URL('../../clients/package.json', import.meta.url));
const { serveStdio, StdioServerTransport } = load('@modelcontextprotocol/server/stdio') as Package;

tools['test_exit'] = { work: () => process.exit(3) };
tools['test_environment'] = {
  work: () => ({ content: [{ type: 'text', text: JSON.stringify(process.env) }], pid: process.pid }),
};

if (process.argv[2] === 'modern') serveStdio(createModern(() => undefined) as never, { legacy: 'reject' });
else await createLegacy(() => undefined, new Set()).connect(new StdioServerTransport());
