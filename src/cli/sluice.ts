#!/usr/bin/env node
// Nothing else is imported before this check: what an old Node cannot parse, it cannot explain either.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(`Sluice needs Node.js 24 or newer; this is ${process.version}.\n`);
  process.exit(1);
}
const { run } = await import('./run.ts');
process.exitCode = await run(process.argv.slice(2));
export {};
