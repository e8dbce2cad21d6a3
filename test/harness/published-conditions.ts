/**
 * Imported before clients of whose dependencies some publish TypeScript under the condition `source`, which these tests run
 * with for the project's own packages: what stands in node_modules is resolved without it.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    if (!context.parentURL?.includes('/node_modules/')) return next(specifier, context);
    return next(specifier, {
      ...context,
      conditions: context.conditions.filter((condition) => condition !== 'source'),
    });
  },
});
