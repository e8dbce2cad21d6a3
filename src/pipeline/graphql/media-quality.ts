/**
 * How much a client wants a media type, by its Accept in lower case (RFC 9110 §12.5.1): from 0, not at all, to 1. What names it
 * most closely counts.
 */
export function mediaQuality(accept: string, type: string): number {
  const [main] = type.split('/');
  const ranges = [type, `${main}/*`, '*/*'];
  let best = ranges.length;
  let quality = 0;
  for (const entry of accept.split(',')) {
    const [range = '', ...parameters] = entry.split(';').map((part) => part.trim());
    const place = ranges.indexOf(range);
    if (place < 0 || place > best) continue;
    const weight = /^q=([01](?:\.\d{0,3})?)$/.exec(parameters.find((one) => one.startsWith('q=')) ?? 'q=1');
    const said = weight ? Math.min(1, Number(weight[1])) : 0;
    quality = place < best ? said : Math.max(quality, said);
    best = place;
  }
  return quality;
}
