import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { AnyAuthSettings } from './schema.ts';

/** Who asks, by whichever kind of credential comes. */
export const anyAuth: PolicyKind<AnyAuthSettings> = {
  name: 'any-auth',
  create: createAnyAuth,
};

/** @throws RangeError for parts that cannot decide so. */
function createAnyAuth({ any }: AnyAuthSettings, services: PolicyServices): Policy {
  const parts = any.map((entry) => {
    const [kind, settings] = typeof entry === 'string' ? [entry, {}] : Object.entries(entry)[0]!;
    return services.create(kind, settings);
  });
  const unfit = parts.find(({ presents }) => !presents);
  if (unfit) throw new RangeError(`any-auth: ${unfit.name} does not say who calls`);
  const last = parts.findIndex(({ name }) => name === 'anonymous');
  if (last >= 0 && last < parts.length - 1)
    throw new RangeError('any-auth: anonymous takes every call, so nothing behind it is asked');
  const challenges = parts.flatMap(({ credentials }) => credentials?.challenge ?? []);
  const headers = [...new Set(parts.flatMap(({ credentials }) => credentials?.headers ?? []))];
  const parameter = parts.find(({ credentials }) => credentials?.parameter)?.credentials!.parameter ?? null;
  /** Who has decided, for what there is to be done once the body is there. */
  const deciders = new WeakMap<Exchange, Policy>();
  return {
    name: 'any-auth',
    summary: `by the first that a credential comes for: ${parts.map(({ name }) => name).join(', ')}`,
    deadlineMs: Math.max(...parts.map(({ deadlineMs = 30_000 }) => deadlineMs)),
    presents: (exchange) => parts.some((part) => part.presents!(exchange)),
    credentials: { challenge: challenges.join(', ') || null, headers, ...(parameter ? { parameter } : {}) },
    onHead(exchange) {
      const decider = parts.find((part) => part.presents!(exchange));
      if (!decider)
        throw new Fault(
          'auth/no-credential',
          `No credential was given. Any of these will do: ${parts.map(({ name }) => name).join(', ')}.`,
          { headers: challenges.flatMap((challenge) => ['www-authenticate', challenge]) },
        );
      deciders.set(exchange, decider);
      // Those of the other kinds go no further either: they are as secret, and nobody has looked at them.
      exchange.consumedHeaders.push(...headers);
      exchange.consumedParameter ??= parameter;
      return decider.onHead!(exchange);
    },
    readsBody: (exchange) => deciders.get(exchange)?.readsBody?.(exchange) ?? false,
    onCall: (exchange) => deciders.get(exchange)?.onCall?.(exchange),
  };
}
