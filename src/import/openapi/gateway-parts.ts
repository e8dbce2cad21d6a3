import { isObject } from '#core/read-json.ts';
import type { ReportBuilder, SourcePath } from '../report.ts';

type Members = Readonly<Record<string, unknown>>;

const prefix = 'x-amazon-apigateway-';

/** What a gateway of AWS has written at the top of an export. False: none has. */
export function readGatewayParts(api: Members, report: ReportBuilder): boolean {
  const told: Readonly<Record<string, [kind: 'carried' | 'differs' | 'notCarried', note: string]>> = {
    'request-validators': ['carried', 'validate, on the operations that name one'],
    'request-validator': ['carried', 'validate, on operations that name no other'],
    'gateway-responses': ['notCarried', 'errors are problem documents here (RFC 9457)'],
    'binary-media-types': ['carried', 'bodies of all types pass as they are'],
    'minimum-compression-size': ['notCarried', 'add the policy compression with this minBytes'],
    policy: ['notCarried', 'a policy of IAM: use ip-restriction and access'],
    cors: ['notCarried', 'add the policy cors with these origins, methods and headers'],
    'importexport-version': ['carried', 'nothing depends on it'],
  };
  for (const key of Object.keys(api)) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    if (name === 'api-key-source') {
      if (api[key] === 'HEADER') report.carried([key], 'key-auth by the header x-api-key');
      else report.notCarried([key], 'keys that an authorizer gives: use key-auth or a policy of your own');
    } else if (Object.hasOwn(told, name)) report[told[name]![0]]([key], told[name]![1]);
  }
  return JSON.stringify(api['paths'] ?? {}).includes(`"${prefix}integration"`);
}

/** Is the operation's request validated? */
export function validatorOf(
  api: Members,
  operation: Members,
  at: SourcePath,
  report: ReportBuilder,
): boolean {
  const key = `${prefix}request-validator`;
  const name = operation[key] ?? api[key];
  const all = api[`${prefix}request-validators`];
  const validator = typeof name === 'string' && isObject(all) && Object.hasOwn(all, name) ? all[name] : null;
  if (!isObject(validator)) return false;
  const [body, parameters] = [
    validator['validateRequestBody'] === true,
    validator['validateRequestParameters'] === true,
  ];
  if (key in operation && body === parameters)
    report.carried([...at, key], body ? 'validate' : 'nothing is validated');
  else if (body !== parameters) report.differs([...at, key], 'body and parameters are both validated');
  return body || parameters;
}
