#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence and not a syntax error.
import { existsSync } from 'node:fs';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error('Sluice needs Node.js 24 or newer, and this is ' + process.versions.node + '. Install a newer one, or use "npm start" in a checkout.');
  process.exit(1);
}
const compiled = new URL('../dist/cli/sluice.js', import.meta.url);
if (!existsSync(compiled)) {
  console.error('Sluice is not compiled here. In a checkout: "npm start", or "npm run build" first.');
  process.exit(1);
}
await import(compiled.href);
