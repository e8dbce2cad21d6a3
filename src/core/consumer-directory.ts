import type {
  ConsumerCredential,
  ConsumerDirectory,
  NamedConsumer,
  PasswordOwner,
  SigningKeyOwner,
} from './consumer.ts';

/** Finds consumers without a search, whatever they are found by. Credentials of unknown consumers are left out. */
export function createConsumerDirectory(
  all: readonly NamedConsumer[],
  credentials: readonly ConsumerCredential[],
): ConsumerDirectory {
  const byName = new Map(all.map((consumer) => [consumer.name, consumer]));
  const byUser = new Map<string, PasswordOwner>();
  const bySigningKey = new Map<string, SigningKeyOwner>();
  const byCertificate = new Map<string, NamedConsumer>();
  for (const credential of credentials) {
    const named = byName.get(credential.consumer);
    if (!named) continue;
    switch (credential.kind) {
      case 'password': {
        const consumer = { ...named, id: `user:${credential.user}` };
        byUser.set(credential.user, { consumer, check: credential.check });
        break;
      }
      case 'signing-key': {
        const consumer = { ...named, id: `signing-key:${credential.id}` };
        bySigningKey.set(credential.id, { consumer, secretBase64: credential.secretBase64 });
        break;
      }
      case 'certificate':
        byCertificate.set(`${credential.by} ${credential.value}`, {
          ...named,
          id: `certificate:${named.name}`,
        });
    }
  }
  return {
    all,
    find: (name) => byName.get(name),
    findUser: (user) => byUser.get(user),
    users: [...byUser.values()],
    findSigner: (keyId) => bySigningKey.get(keyId),
    findCertificate({ fingerprint256, subject, alternativeNames }) {
      const exact = byCertificate.get(`sha256 ${fingerprint256}`) ?? byCertificate.get(`subject ${subject}`);
      if (exact) return exact;
      const found = alternativeNames.flatMap((name) => byCertificate.get(`san ${name}`) ?? []);
      return found.every(({ name }) => name === found[0]!.name) ? found[0] : undefined;
    },
  };
}
