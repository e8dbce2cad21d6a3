import { isObject } from '#core/read-json.ts';
import type { ReportBuilder, SourcePath } from '../report.ts';

type Members = Readonly<Record<string, unknown>>;

/** Where a gateway of AWS sends an operation: a path of its own there, or an answer of the gateway's. */
export interface Integration {
  readonly to: Record<string, unknown>;
}

const key = 'x-amazon-apigateway-integration';

/** Null: there is none, or it cannot be carried over, which is said. */
export function integrationOf(
  operation: Members,
  template: string,
  at: SourcePath,
  report: ReportBuilder,
): Integration | null {
  const written = operation[key];
  if (!isObject(written)) return null;
  const place = [...at, key];
  const type = String(written['type']).toLowerCase();
  if (type === 'http' || type === 'http_proxy') return httpIntegration(written, template, place, report);
  if (type === 'mock') return mockIntegration(written, place, report);
  report.notCarried(
    place,
    `"${type.slice(0, 20)}" calls a service of AWS: put an HTTP server before it, or write a policy of your own`,
  );
  return null;
}

function httpIntegration(
  written: Members,
  template: string,
  place: SourcePath,
  report: ReportBuilder,
): Integration | null {
  const { uri, httpMethod, type, timeoutInMillis } = written;
  report.carried([...place, 'type'], 'to.http');
  if (typeof uri !== 'string' || !/^https?:\/\//.test(uri) || /\$\{?stageVariables/.test(uri)) {
    report.notCarried([...place, 'uri'], 'expected a URL of http or https without stage variables');
    return null;
  }
  const [, origin, written_path = ''] = /^(https?:\/\/[^/?#{}]+)([^?#]*)/.exec(uri) ?? [];
  if (origin === undefined || !URL.canParse(origin)) {
    report.notCarried([...place, 'uri'], 'its host cannot be called');
    return null;
  }
  const path = renamed(written_path, written['requestParameters'], template);
  if (path === null) {
    report.notCarried([...place, 'uri'], 'its path takes what the path of the operation does not have');
    return null;
  }
  report.carried([...place, 'uri'], `to.http: ${origin}, rewrite.path: ${path}`);
  if (httpMethod !== undefined) report.carried([...place, 'httpMethod'], 'the method of the request goes on');
  for (const name of ['passthroughBehavior', 'connectionType', 'payloadFormatVersion', 'cacheKeyParameters'])
    if (name in written)
      report.differs([...place, name], 'bodies go on as they come, over the network, uncached');
  if (type === 'http')
    for (const name of ['requestTemplates', 'responses'])
      if (name in written) report.notCarried([...place, name], 'bodies and answers pass as they are');
  const timeout =
    typeof timeoutInMillis === 'number' && timeoutInMillis > 0 ? Math.floor(timeoutInMillis) : null;
  if (timeout !== null) report.carried([...place, 'timeoutInMillis'], `timeouts.header: ${timeout}`);
  return {
    to: {
      http: origin,
      ...(path === '' ? {} : { rewrite: { path } }),
      ...(timeout === null ? {} : { timeouts: { header: timeout } }),
    },
  };
}

/** `{x}` of an integration is what `integration.request.path.x` says it is; `{proxy}` of `{proxy+}` is all below. Null: it is not there. */
function renamed(path: string, parameters: unknown, template: string): string | null {
  const known = isObject(parameters) ? parameters : {};
  const greedy = /\{([^{}/]+)\+\}/.exec(template)?.[1];
  let isKnown = true;
  const told = path.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const from = known[`integration.request.path.${name}`];
    const meant = typeof from === 'string' ? /^method\.request\.path\.(.+)$/.exec(from)?.[1] : name;
    if (meant === greedy && meant !== undefined) return '{**}';
    if (meant === undefined || !template.includes(`{${meant}}`)) isKnown = false;
    return `{${meant ?? ''}}`;
  });
  return isKnown ? told : null;
}

function mockIntegration(
  { responses, ...written }: Members,
  place: SourcePath,
  report: ReportBuilder,
): Integration | null {
  report.carried([...place, 'type'], 'to.static');
  for (const name of Object.keys(written))
    if (name !== 'type') report.differs([...place, name], 'one answer is given, whatever is asked');
  const answers = isObject(responses) ? responses : {};
  const [chosen, ...others] = Object.keys(answers).sort(
    (a, b) => Number(b === 'default') - Number(a === 'default'),
  );
  for (const name of others) report.notCarried([...place, 'responses', name], 'one answer is given');
  const answer = chosen === undefined ? {} : answers[chosen];
  const { statusCode, responseTemplates, responseParameters } = isObject(answer) ? answer : {};
  const status = Number(statusCode ?? 200);
  const headers: Record<string, string> = {};
  const at = [...place, 'responses', chosen ?? 'default'];
  for (const [name, value] of Object.entries(isObject(responseParameters) ? responseParameters : {})) {
    const header = /^method\.response\.header\.([A-Za-z0-9-]+)$/.exec(name)?.[1];
    const constant = typeof value === 'string' ? /^'([\t\x20-\x7e]*)'$/.exec(value)?.[1] : undefined;
    if (header !== undefined && constant !== undefined) headers[header.toLowerCase()] = constant;
    else report.notCarried([...at, 'responseParameters', name], 'only headers with a constant value are');
  }
  const [media] = isObject(responseTemplates) ? Object.entries(responseTemplates) : [];
  let body: string | undefined;
  if (media && typeof media[1] === 'string' && media[1].trim() !== '') {
    if (/[$#]/.test(media[1]))
      report.notCarried(
        [...at, 'responseTemplates', media[0]],
        'a template that computes; write the answer out',
      );
    else {
      body = media[1];
      headers['content-type'] ??= media[0];
    }
  }
  report.carried(at, `static ${status}`);
  return {
    to: {
      static: {
        status: status >= 200 && status < 600 ? status : 200,
        headers,
        ...(body === undefined ? {} : { body }),
      },
    },
  };
}
