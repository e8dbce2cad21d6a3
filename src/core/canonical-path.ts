/**
 * Why a path is not one that every reader understands alike; null when it is. Requests are made canonical at the door;
 * this is for paths that are put together behind it.
 */
export function whyNotCanonical(path: string): string | null {
  if (!/^\/[\x21-\x7e]*$/.test(path) || /[\\?#;]/.test(path)) return 'characters that a path cannot have';
  if (/%(?![0-9a-f]{2})/i.test(path)) return 'a "%" without two hex digits';
  if (/%(?:2f|5c|0[0-9a-f]|1[0-9a-f]|7f)/i.test(path))
    return 'an encoded slash, backslash or control character';
  if (/%25[0-9a-f]{2}/i.test(path)) return 'a doubly encoded character';
  if (path.includes('//')) return 'an empty segment';
  // A segment that ends so is, to some readers, one without it: "..", "a." and "a ".
  if (/(?:\.|%2e|%20)(?:\/|$)/i.test(path)) return 'a dot segment, or one that ends in a dot or space';
  return null;
}
