import { BudgetSchema } from './budget/schema.ts';
import { CompressionSchema } from './compression/schema.ts';
import { ConcurrencyLimitSchema } from './concurrency-limit/schema.ts';
import { CorsSchema } from './cors/schema.ts';
import { FaultInjectionSchema } from './fault-injection/schema.ts';
import { IdempotencySchema } from './idempotency/schema.ts';
import { JwtSchema } from './jwt/schema.ts';
import { KeyAuthSchema } from './key-auth/schema.ts';
import { ModelAccessSchema } from './model-access/schema.ts';
import { OidcSchema } from './oidc/schema.ts';
import { QueueSchema } from './queue/schema.ts';
import { RateLimitSchema } from './rate-limit/schema.ts';
import { SetHeadersSchema } from './set-headers/schema.ts';

/**
 * What each kind of policy takes in a configuration, apart from the kinds themselves: a worker thread runs policies and
 * needs no validator, which would cost it 20 MB.
 */
export const policySchemas: ReadonlyMap<string, object> = new Map<string, object>([
  ['budget', BudgetSchema],
  ['compression', CompressionSchema],
  ['concurrency-limit', ConcurrencyLimitSchema],
  ['cors', CorsSchema],
  ['fault-injection', FaultInjectionSchema],
  ['idempotency', IdempotencySchema],
  ['jwt', JwtSchema],
  ['key-auth', KeyAuthSchema],
  ['model-access', ModelAccessSchema],
  ['oidc', OidcSchema],
  ['queue', QueueSchema],
  ['rate-limit', RateLimitSchema],
  ['set-headers', SetHeadersSchema],
]);
