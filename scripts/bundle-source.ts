import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Esbuild from '../test/clients/node_modules/esbuild/lib/main.d.ts';

/** Where threads begin that every gateway has. */
const threads = ['src/worker.ts', 'src/ledger/store/ledger-thread.ts'];
/** These do something when they are imported, or are imported in threads alone. */
const beginnings =
  /-thread\.ts$|^src\/worker\.ts$|^src\/cli\/sluice\.ts$|\/write-schema\.ts$|^src\/workbench\/|\/tokens\/count-text\.ts$/;

/** Libraries of tables, each of megabytes, that few tests load. */
const large = ['gpt-tokenizer', '@pydantic/genai-prices'];

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

/** Looks at each file by itself. */
const alone: Esbuild.Plugin = {
  name: 'alone',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path }) =>
      kind === 'entry-point' ? undefined : { path, external: true },
    );
  },
};

const options = {
  ...{ bundle: true, platform: 'node', format: 'esm', target: 'node24', conditions: ['source'] },
  ...{ logLevel: 'error', external: [...large, 'pg-native'], plugins: [addresses] },
  // Libraries that are CommonJS ask by `require` for what is built in.
  banner: {
    js: `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);`,
  },
} satisfies Esbuild.BuildOptions;

/**
 * Makes one module of the several hundred of each thread, libraries included, and one that puts them in the place of the files
 * of `src/` wherever those are imported (`node --import`). To find and compile modules is most of what starting a gateway costs,
 * and the suites start hundreds. What runs is the same source; `node --test FILE` runs it file by file.
 * Resolves to the URL of the module to import.
 */
export async function bundleSource(folder: string): Promise<string> {
  // Installed beside the official clients: only the tests need it.
  const load = createRequire(new URL('../test/clients/package.json', import.meta.url));
  const esbuild = load('esbuild') as typeof Esbuild;
  const [inMain, ...bundles] = await Promise.all([
    bundleMain(esbuild, join(folder, 'source.mjs')),
    ...threads.map((thread) => bundleThread(esbuild, thread, folder)),
  ]);
  const stubs = join(folder, 'stubs.json');
  writeFileSync(stubs, JSON.stringify(inMain));
  const preload = join(folder, 'use-bundles.mjs');
  writeFileSync(
    preload,
    `import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const inPlaceOf = new Map(${JSON.stringify(bundles)});
// A test beside the module that it tests loads little else.
if (isMainThread && !/[/\\\\]src[/\\\\].*\\.test\\.ts$/.test(process.argv[1] ?? ''))
  for (const [url, source] of JSON.parse(readFileSync(${JSON.stringify(stubs)}, 'utf8'))) inPlaceOf.set(url, source);
registerHooks({
  load(url, context, next) {
    const source = inPlaceOf.get(url);
    return source === undefined ? next(url, context) : { format: 'module', source, shortCircuit: true };
  },
});
`,
  );
  return pathToFileURL(preload).href;
}

const urlOf = (path: string) => pathToFileURL(resolve(path)).href;

/** The URL of the file where the thread begins, and what is to be loaded in its place. */
async function bundleThread({ build }: typeof Esbuild, thread: string, folder: string) {
  const outfile = join(folder, `${basename(thread, '.ts')}.mjs`);
  await build({ ...options, entryPoints: [thread], outfile });
  return [urlOf(thread), `import ${JSON.stringify(urlOf(outfile))};`] as const;
}

/** All other modules in one; the same of each file. */
async function bundleMain({ build }: typeof Esbuild, outfile: string) {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .map((file) => join('src', file))
    .filter((file) => /^(?!.*[/\\]testing[/\\]).*(?<!\.test)\.ts$/.test(file) && !beginnings.test(file));
  const { metafile } = await build({
    ...{ ...options, banner: {}, entryPoints: files, plugins: [alone], metafile: true },
    ...{ write: false, outdir: 'nowhere', outbase: '.' },
  });
  const modules = Object.values(metafile.outputs)
    .filter(({ exports }) => exports.length > 0)
    .map(({ entryPoint, exports }, i) => ({
      file: entryPoint!,
      names: exports.map((name) => [name, `m${i}_${name}`] as const),
    }));
  const list = (names: readonly (readonly [string, string])[]) =>
    names.map(([from, to]) => `${from} as ${to}`).join(', ');
  const contents = modules.map(({ file, names }) => `export { ${list(names)} } from './${file}';`).join('\n');
  await build({ ...options, stdin: { contents, resolveDir: '.', loader: 'ts' }, outfile });
  return modules.map(({ file, names }) => [
    urlOf(file),
    `export { ${list(names.map(([name, inside]) => [inside, name]))} } from ${JSON.stringify(urlOf(outfile))};`,
  ]);
}
