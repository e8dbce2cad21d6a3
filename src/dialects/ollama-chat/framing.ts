import type { Framing } from '#core/contracts/framing.ts';

/** One JSON text a line (https://github.com/ndjson/ndjson-spec). A blank line says nothing. */
export const jsonLines: Framing = {
  mediaType: 'application/x-ndjson',
  encoding: 'utf8',
  endOf(text, from) {
    return text.indexOf('\n', from) + 1 || -1;
  },
  parse: (line) => ({ name: '', data: line.trim() }),
  closing: '\n',
};
