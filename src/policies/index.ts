import type { PolicyKind } from '#core/contracts/policy.ts';
import { budget } from './budget/index.ts';
import { compression } from './compression/index.ts';
import { concurrencyLimit } from './concurrency-limit/index.ts';
import { cors } from './cors/index.ts';
import { faultInjection } from './fault-injection/index.ts';
import { idempotency } from './idempotency/index.ts';
import { jwt } from './jwt/index.ts';
import { keyAuth } from './key-auth/index.ts';
import { modelAccess } from './model-access/index.ts';
import { oidc } from './oidc/index.ts';
import { queue } from './queue/index.ts';
import { rateLimit } from './rate-limit/index.ts';
import { setHeaders } from './set-headers/index.ts';

/** Every kind of policy, by the name a configuration uses. */
export const policyKinds: ReadonlyMap<string, PolicyKind> = new Map(
  (
    [
      budget,
      compression,
      concurrencyLimit,
      cors,
      faultInjection,
      idempotency,
      jwt,
      keyAuth,
      modelAccess,
      oidc,
      queue,
      rateLimit,
      setHeaders,
    ] as PolicyKind[]
  ).map((kind) => [kind.name, kind]),
);
