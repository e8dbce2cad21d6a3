import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { PasswordChecks } from './password-checks.ts';
import { readPassword } from './read-password.ts';
import type { BasicAuthSettings } from './schema.ts';

/** Who asks, by user name and password (RFC 7617). */
export const basicAuth: PolicyKind<BasicAuthSettings> = {
  name: 'basic-auth',
  create: createBasicAuth,
};

function createBasicAuth(settings: BasicAuthSettings, { consumers }: PolicyServices): Policy {
  const challenge = `Basic realm="${settings.realm ?? 'sluice'}", charset="UTF-8"`;
  const optional = settings.optional ?? false;
  const checks = new PasswordChecks(consumers.users);
  const refusal = (code: 'auth/no-credential' | 'auth/unknown-credential', message: string) =>
    new Fault(code, message, { headers: ['www-authenticate', challenge] });
  const wrong = () =>
    refusal('auth/unknown-credential', 'The user name is not known, or the password is not its own.');
  return {
    name: 'basic-auth',
    summary: `requires a user name and password${optional ? ', or none at all' : ''}`,
    // Other schemes of Authorization have policies of their own.
    presents: ({ head }) => /^basic(?: |$)/i.test(headerOf(head.headers, 'authorization') ?? ''),
    credentials: { challenge, headers: ['authorization'] },
    onHead(exchange) {
      const header = headerOf(exchange.head.headers, 'authorization');
      if (header === undefined) {
        if (optional) return;
        throw refusal(
          'auth/no-credential',
          'No password was given. Send it as "Authorization: Basic" and USER:PASSWORD in base64.',
        );
      }
      const given = readPassword(header);
      if (!given)
        throw refusal(
          'auth/unknown-credential',
          'The authorization header holds no user name and password: USER:PASSWORD, as UTF-8, in base64.',
        );
      const owner = consumers.findUser(given.user);
      const admit = (fits: boolean) => {
        if (!fits || !owner) throw wrong();
        exchange.consumer = owner.consumer;
        exchange.consumedHeaders.push('authorization');
      };
      const fits = checks.check(owner, given);
      return typeof fits === 'boolean' ? admit(fits) : fits.then(admit);
    },
  };
}
