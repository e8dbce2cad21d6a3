#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence and not a syntax error.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    'Sluice needs Node.js 24 or newer, and this is ' +
      process.versions.node +
      '. Install a newer one, or use "npm start" in a checkout.',
  );
  process.exit(1);
}
const compiled = new URL('../dist/cli/sluice.js', import.meta.url);
if (!existsSync(compiled)) {
  console.error('Sluice is not compiled here. In a checkout: "npm start", or "npm run build" first.');
  process.exit(1);
}

// What only the command line can tell V8. The main thread is the control plane and needs little room; the other threads
// set their own. On one core V8's helpers would only take turns with the thread that waits for them. Whoever gives flags
// knows better.
const room = '--max-semi-space-size=2';
const flags = availableParallelism() === 1 ? [room, '--single-threaded-gc'] : [room];
if (process.execArgv.includes(room)) {
  setFlagsFromString('--max-semi-space-size=0');
} else if (
  process.argv[2] === 'start' &&
  process.execArgv.length === 0 &&
  process.execve &&
  process.platform !== 'win32'
) {
  process.execve(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)]);
}
await import(compiled.href);
