import Type from 'typebox';

/** Write-only: never shown, in no message and by no API. */
const key = (description: string) =>
  Type.String({ minLength: 1, writeOnly: true, title: 'a key', description });

/** What a provider knows the gateway by. */
export const ApiKeySchema = Type.Union(
  [
    key('Its key. Write ${env:NAME} or ${file:path}, not the key itself.'),
    Type.Array(key('Its keys, while they are exchanged: the next where it refuses one.'), {
      minItems: 1,
      maxItems: 4,
    }),
  ],
  { title: 'a key, or a list of keys' },
);
