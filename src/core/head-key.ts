import type { RouteMatch } from './snapshot.ts';

/** Alike for matches that take the same requests by what their heads are written to have. */
export function headKey({ host, path, methods, conditions, clients }: RouteMatch): string {
  const tests = conditions.map((condition) =>
    JSON.stringify([condition.part, condition.name, condition.test]),
  );
  const template = typeof path === 'string' ? path.replace(/\{[^/]*\}/g, '{}') : path;
  return JSON.stringify([
    host,
    template,
    methods && methods.toSorted(),
    tests.toSorted(),
    clients && clients.toSorted(),
  ]);
}
