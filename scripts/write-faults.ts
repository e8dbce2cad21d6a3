/** Writes docs/faults.md from the registry; `--check` only says whether it is current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { faultKinds } from '../src/core/fault.ts';

const path = 'docs/faults.md';
const rows = Object.entries(faultKinds).map(
  ([code, { status, blame, retryable, title }]) =>
    `| \`${code}\` | ${status} | ${blame} | ${retryable ? 'yes' : 'no'} | ${title} |`,
);
const page = `# Faults

Every error that reaches a caller has one of these codes, in the client's own dialect or as an
[RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem document, with the exchange's id. *Retryable*: the same call may
succeed on another target, or a little later. An upstream's own status stands in place of the one given here. This page is
made by \`node scripts/write-faults.ts\`.

| code | status | blame | retryable | meaning |
|---|---|---|---|---|
${rows.join('\n')}
`;

if (!process.argv.includes('--check')) writeFileSync(path, page);
else if (readFileSync(path, 'utf8') !== page) {
  console.log('docs/faults.md is not current: run node scripts/write-faults.ts');
  process.exit(1);
}
