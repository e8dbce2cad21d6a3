/**
 * Loaded before the tests of `npm run test:long`: counts the cases that properties really tried, whichever file they are
 * in, and appends them as one JSON line to the file that SLUICE_CASES names when the process ends.
 */
import { appendFileSync } from 'node:fs';
import fc from 'fast-check';

const file = process.env['SLUICE_CASES'];
let properties = 0;
let cases = 0;

if (file) {
  // It serves asynchronous properties too.
  fc.configureGlobal({
    ...fc.readConfigureGlobal(),
    reporter(run) {
      properties++;
      cases += run.numRuns;
      if (run.failed) throw new Error(fc.defaultReportMessage(run), { cause: run.errorInstance });
    },
  });
  process.on('exit', () => {
    if (properties > 0) appendFileSync(file, `${JSON.stringify({ properties, cases })}\n`);
  });
}
