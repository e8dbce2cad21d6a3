#!/usr/bin/env node
// Nothing else is imported before this check: what an old Node cannot parse, it cannot explain either.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(`Sluice needs Node.js 24 or newer; this is ${process.version}.\n`);
  process.exit(1);
}
const { run } = await import('./run.ts');
const code = await run(process.argv.slice(2));
// A start that failed half-way leaves threads behind, which must not keep the process.
process.stdout.write('', () => process.exit(code));
export {};
