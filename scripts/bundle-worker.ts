import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Esbuild from '../test/clients/node_modules/esbuild/lib/main.d.ts';

/** Installed beside the official clients: only the tests need it. */
const load = createRequire(new URL('../test/clients/package.json', import.meta.url));

/** Modules keep their own addresses, by which they find their neighbours. */
const addresses: Esbuild.Plugin = {
  name: 'addresses',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8')
        .replaceAll('import.meta.url', () => JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.filename', () => JSON.stringify(path)),
    }));
  },
};

/**
 * Makes one module of a data-plane thread's several hundred, and another that puts it in their place wherever it is imported
 * (`node --import`). To find and compile them is half of what starting a gateway costs, and the suites start hundreds. What runs is the
 * same source; `node --test FILE` runs it file by file. Resolves to the URL of the second module.
 */
export async function bundleWorker(folder: string): Promise<string> {
  const bundle = resolve(folder, 'worker.mjs');
  const { build } = load('esbuild') as typeof Esbuild;
  await build({
    ...{ entryPoints: ['src/worker.ts'], outfile: bundle, bundle: true, packages: 'external' },
    ...{ platform: 'node', format: 'esm', target: 'node24', conditions: ['source'], logLevel: 'error' },
    plugins: [addresses],
  });
  const preload = resolve(folder, 'use-bundled-worker.mjs');
  writeFileSync(
    preload,
    `import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const worker = ${JSON.stringify(pathToFileURL(resolve('src/worker.ts')).href)};
registerHooks({
  load: (url, context, next) =>
    url === worker
      ? { format: 'module', source: readFileSync(${JSON.stringify(bundle)}, 'utf8'), shortCircuit: true }
      : next(url, context),
});
`,
  );
  return pathToFileURL(preload).href;
}
