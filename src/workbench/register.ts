/** Loaded by `node --import` before the tests of policies: the package's name leads to this copy of it. */
import { registerHooks } from 'node:module';

const at = (path: string): string =>
  new URL(`${path}${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url).href;

const published: Readonly<Record<string, string>> = {
  'sluice/policy': at('../extensions/policy'),
  'sluice/policy/testing': at('./policy-testing'),
};

registerHooks({
  resolve(specifier, context, next) {
    const url = published[specifier];
    return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
  },
});
