/** What stands for a secret wherever something is shown. */
const hidden = '(hidden)';

const secretMember =
  /^(?:secret|token|password|passphrase|apikey|api_key|authorization|cookie|credential|credentials|privatekey|private_key|sha256|clientsecret|client_secret|masterkey)$|secret$|password$/i;

/** A document of plain JSON with the values of members hidden whose names say that they are secrets, at any depth. */
export function hideMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideMembers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]): [string, unknown] => [
      name,
      secretMember.test(name) && member !== null && typeof member !== 'boolean'
        ? hidden
        : hideMembers(member),
    ]),
  );
}
