import { AccessSchema } from './access/schema.ts';
import { AnonymousSchema } from './anonymous/schema.ts';
import { anyAuthSchema } from './any-auth/schema.ts';
import { AuditSchema } from './audit/schema.ts';
import { BasicAuthSchema } from './basic-auth/schema.ts';
import { BudgetSchema } from './budget/schema.ts';
import { CompressionSchema } from './compression/schema.ts';
import { ConcurrencyLimitSchema } from './concurrency-limit/schema.ts';
import { CorsSchema } from './cors/schema.ts';
import { CsrfSchema } from './csrf/schema.ts';
import { FaultInjectionSchema } from './fault-injection/schema.ts';
import { ForwardAuthSchema } from './forward-auth/schema.ts';
import { GraphqlLimitsSchema } from './graphql-limits/schema.ts';
import { GraphqlOperationsSchema } from './graphql-operations/schema.ts';
import { HeaderRestrictionSchema } from './header-restriction/schema.ts';
import { HmacAuthSchema } from './hmac-auth/schema.ts';
import { HttpCacheSchema } from './http-cache/schema.ts';
import { IdempotencySchema } from './idempotency/schema.ts';
import { IpRestrictionSchema } from './ip-restriction/schema.ts';
import { JwtSchema } from './jwt/schema.ts';
import { KeyAuthSchema } from './key-auth/schema.ts';
import { ModelAccessSchema } from './model-access/schema.ts';
import { MtlsAuthSchema } from './mtls-auth/schema.ts';
import { OidcSchema } from './oidc/schema.ts';
import { ParameterRulesSchema } from './parameter-rules/schema.ts';
import { PromptDecorateSchema } from './prompt-decorate/schema.ts';
import { PromptGuardSchema } from './prompt-guard/schema.ts';
import { PromptTemplateSchema } from './prompt-template/schema.ts';
import { QueueSchema } from './queue/schema.ts';
import { RateLimitSchema } from './rate-limit/schema.ts';
import { SetHeadersSchema } from './set-headers/schema.ts';
import { SizeLimitSchema } from './size-limit/schema.ts';
import { TransformSchema } from './transform/schema.ts';
import { ValidateSchema } from './validate/schema.ts';

/** Of policies that say who calls: `any-auth` is made of these. */
const authenticators = {
  'key-auth': KeyAuthSchema,
  jwt: JwtSchema,
  oidc: OidcSchema,
  'basic-auth': BasicAuthSchema,
  'hmac-auth': HmacAuthSchema,
  'mtls-auth': MtlsAuthSchema,
  'forward-auth': ForwardAuthSchema,
  anonymous: AnonymousSchema,
};

/**
 * What each kind of policy takes in a configuration, apart from the kinds themselves: a worker thread runs policies and
 * needs no validator, which would cost it 20 MB.
 */
export const policySchemas: ReadonlyMap<string, object> = new Map<string, object>([
  ['access', AccessSchema],
  ['anonymous', AnonymousSchema],
  ['any-auth', anyAuthSchema(authenticators)],
  ['audit', AuditSchema],
  ['basic-auth', BasicAuthSchema],
  ['budget', BudgetSchema],
  ['compression', CompressionSchema],
  ['concurrency-limit', ConcurrencyLimitSchema],
  ['cors', CorsSchema],
  ['csrf', CsrfSchema],
  ['fault-injection', FaultInjectionSchema],
  ['forward-auth', ForwardAuthSchema],
  ['graphql-limits', GraphqlLimitsSchema],
  ['graphql-operations', GraphqlOperationsSchema],
  ['header-restriction', HeaderRestrictionSchema],
  ['hmac-auth', HmacAuthSchema],
  ['http-cache', HttpCacheSchema],
  ['idempotency', IdempotencySchema],
  ['ip-restriction', IpRestrictionSchema],
  ['jwt', JwtSchema],
  ['key-auth', KeyAuthSchema],
  ['model-access', ModelAccessSchema],
  ['mtls-auth', MtlsAuthSchema],
  ['oidc', OidcSchema],
  ['parameter-rules', ParameterRulesSchema],
  ['prompt-decorate', PromptDecorateSchema],
  ['prompt-guard', PromptGuardSchema],
  ['prompt-template', PromptTemplateSchema],
  ['queue', QueueSchema],
  ['rate-limit', RateLimitSchema],
  ['set-headers', SetHeadersSchema],
  ['size-limit', SizeLimitSchema],
  ['transform', TransformSchema],
  ['validate', ValidateSchema],
]);
