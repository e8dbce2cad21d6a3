export interface GivenPassword {
  readonly user: string;
  readonly password: string;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** RFC 7617 §2: the user name goes up to the first colon; both are compared in Unicode's form NFC. Null: it is none. */
export function readPassword(header: string): GivenPassword | null {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1];
  if (encoded === undefined) return null;
  let text: string;
  try {
    text = utf8.decode(Buffer.from(encoded, 'base64')).normalize('NFC');
  } catch {
    return null;
  }
  const colon = text.indexOf(':');
  // eslint-disable-next-line no-control-regex -- these are what it must not have
  if (colon < 0 || /[\x00-\x1f\x7f]/.test(text)) return null;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
