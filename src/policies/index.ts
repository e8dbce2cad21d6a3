import type { PolicyKind } from '#core/contracts/policy.ts';
import { access } from './access/index.ts';
import { anonymous } from './anonymous/index.ts';
import { anyAuth } from './any-auth/index.ts';
import { audit } from './audit/index.ts';
import { basicAuth } from './basic-auth/index.ts';
import { budget } from './budget/index.ts';
import { compression } from './compression/index.ts';
import { concurrencyLimit } from './concurrency-limit/index.ts';
import { cors } from './cors/index.ts';
import { csrf } from './csrf/index.ts';
import { faultInjection } from './fault-injection/index.ts';
import { forwardAuth } from './forward-auth/index.ts';
import { graphqlLimits } from './graphql-limits/index.ts';
import { graphqlOperations } from './graphql-operations/index.ts';
import { headerRestriction } from './header-restriction/index.ts';
import { hmacAuth } from './hmac-auth/index.ts';
import { httpCache } from './http-cache/index.ts';
import { idempotency } from './idempotency/index.ts';
import { ipRestriction } from './ip-restriction/index.ts';
import { jwt } from './jwt/index.ts';
import { keyAuth } from './key-auth/index.ts';
import { modelAccess } from './model-access/index.ts';
import { mtlsAuth } from './mtls-auth/index.ts';
import { oidc } from './oidc/index.ts';
import { parameterRules } from './parameter-rules/index.ts';
import { promptDecorate } from './prompt-decorate/index.ts';
import { promptGuard } from './prompt-guard/index.ts';
import { promptTemplate } from './prompt-template/index.ts';
import { queue } from './queue/index.ts';
import { rateLimit } from './rate-limit/index.ts';
import { setHeaders } from './set-headers/index.ts';
import { sizeLimit } from './size-limit/index.ts';
import { transform } from './transform/index.ts';
import { validate } from './validate/index.ts';

/** Every kind of policy, by the name a configuration uses. */
export const policyKinds: ReadonlyMap<string, PolicyKind> = new Map(
  (
    [
      access,
      anonymous,
      anyAuth,
      audit,
      basicAuth,
      budget,
      compression,
      concurrencyLimit,
      cors,
      csrf,
      faultInjection,
      forwardAuth,
      graphqlLimits,
      graphqlOperations,
      headerRestriction,
      hmacAuth,
      httpCache,
      idempotency,
      ipRestriction,
      jwt,
      keyAuth,
      modelAccess,
      mtlsAuth,
      oidc,
      parameterRules,
      promptDecorate,
      promptGuard,
      promptTemplate,
      queue,
      rateLimit,
      setHeaders,
      sizeLimit,
      transform,
      validate,
    ] as PolicyKind[]
  ).map((kind) => [kind.name, kind]),
);
