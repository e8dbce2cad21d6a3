import { untouchableHeaders, type HeaderEdit } from '#core/header-edits.ts';
import { valuesOf, type HeaderList } from '#core/head.ts';
import type { Templates } from '#templates/templates.ts';
import type { TransformSettings } from './schema.ts';

type Headers = NonNullable<NonNullable<TransformSettings['request']>['headers']>;

/** The changes of headers that are such, in their order. */
export type HeaderRules = (headers: HeaderList, values: object) => HeaderEdit[];

/** @throws RangeError for a header that nobody may change, Error for a template that cannot be read. */
export function compileHeaderRules(settings: Headers, templates: Templates, strict: boolean): HeaderRules {
  const lower = (name: string) => {
    const known = name.toLowerCase();
    if (untouchableHeaders.has(known))
      throw new RangeError(`transform: "${known}" belongs to the connection and cannot be changed`);
    return known;
  };
  const texts = (record: Readonly<Record<string, string>> = {}) =>
    Object.entries(record).map(
      ([name, text]) => [lower(name), templates.compile(text, { place: 'header', strict })] as const,
    );
  const removed = (settings.remove ?? []).map(lower);
  const renamed = Object.entries(settings.rename ?? {}).map(
    ([from, to]) => [lower(from), lower(to)] as const,
  );
  const [set, added] = [texts(settings.set), texts(settings.add)];
  return (headers, values) => [
    ...removed.map((name) => ({ name, value: null, add: false })),
    ...renamed.flatMap(([from, to]) => {
      const came = removed.includes(from) ? [] : valuesOf(headers, from);
      return [
        { name: from, value: null, add: false },
        ...came.map((value, i) => ({ name: to, value, add: i > 0 })),
      ];
    }),
    ...set.map(([name, template]) => ({ name, value: template.render(values), add: false })),
    ...added.map(([name, template]) => ({ name, value: template.render(values), add: true })),
  ];
}
