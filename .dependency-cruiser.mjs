import { apart, layers, pure } from './layers.mjs';

const names = Object.keys(layers);
const folderOf = (name) => (name === 'main' || name === 'worker' ? `^src/${name}\\.ts$` : `^src/${name}/`);
const tests = '(\\.test\\.ts$|/testing/)';

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...names.map((name) => ({
      name: `${name}-imports-only-its-layers`,
      severity: 'error',
      from: { path: folderOf(name), pathNot: tests },
      to: { path: '^src/', pathNot: [folderOf(name), ...layers[name].map(folderOf)] },
    })),
    ...apart.map((name) => ({
      name: `${name}-stand-apart`,
      severity: 'error',
      from: { path: `^src/${name}/([^/]+)/`, pathNot: tests },
      to: { path: `^src/${name}/`, pathNot: `^src/${name}/$1/` },
    })),
    ...pure.map((name) => ({
      name: `${name}-is-pure`,
      severity: 'error',
      from: { path: folderOf(name), pathNot: tests },
      to: { dependencyTypes: ['npm', 'npm-dev', 'core'] },
    })),
    {
      name: 'simulator-stands-alone',
      severity: 'error',
      from: { path: '^simulator/' },
      to: { path: '^(src|test|bench)/' },
    },
    {
      name: 'src-knows-no-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { path: '^(test|simulator|bench)/' },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    // Tests may import anything, and use syntax that the cruiser does not know yet.
    exclude: { path: '(^test/|^dist/|^bench/build/|\\.test\\.ts$)' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs'],
    },
  },
};
