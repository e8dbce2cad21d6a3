import Type from 'typebox';

export const Duration = Type.Union(
  [Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 0 })],
  {
    title: 'a duration such as "30s", "500ms" or "5min"',
    description: 'A span of time: "500ms", "30s", "5min", "1h", "7d"; a bare number is milliseconds.',
  },
);
export const Size = Type.Union(
  [Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 0 })],
  {
    title: 'a size such as "32MiB" or "64KiB"',
    description: 'A size: "64KiB", "32MiB", "1GiB"; a bare number is bytes.',
  },
);
export const HttpUrl = Type.String({
  pattern: '^https?://[^\\s/?#@]+(/[^\\s?#]*)?$',
  title: 'an http or https URL without credentials and query',
  description: 'An absolute http or https URL without query.',
});
