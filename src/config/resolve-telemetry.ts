import type { OtlpDestination, OtlpSignal, TelemetryRules } from '#core/telemetry.ts';
import { parseDuration } from '#core/units.ts';
import type { Problems } from './problem.ts';
import { clientTlsOf } from './resolve-upstreams.ts';
import type { TelemetrySettings } from './schema-telemetry.ts';
import type { Environment } from './zero-configuration.ts';

const signals: readonly OtlpSignal[] = ['traces', 'metrics', 'logs'];

/**
 * What is told of traffic by OTLP. The document goes before the environment, whose names are those of every OpenTelemetry SDK:
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function resolveTelemetry(
  settings: TelemetrySettings = {},
  env: Environment,
  problems: Problems,
): TelemetryRules {
  const isOff = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true';
  const scope = { settings, env, problems };
  const otlp = isOff ? [] : signals.flatMap((signal) => destinationOf(signal, scope) ?? []);
  const { traces } = settings;
  const asked = traces === false || traces === undefined ? {} : traces;
  const sampler = samplerOf(env);
  return {
    resource: {
      ...pairsOf(env['OTEL_RESOURCE_ATTRIBUTES'] ?? ''),
      ...settings.resource,
      'service.name': settings.service ?? env['OTEL_SERVICE_NAME'] ?? 'sluice',
    },
    sampling: {
      ratio: asked.ratio ?? sampler.ratio,
      slowMs: parseDuration(asked.slow ?? '30s'),
      followsParent: asked.followParent ?? sampler.followsParent,
    },
    otlp,
  };
}

interface Scope {
  readonly settings: TelemetrySettings;
  readonly env: Environment;
  readonly problems: Problems;
}

/** Null: this signal is not sent. */
function destinationOf(signal: OtlpSignal, { settings, env, problems }: Scope): OtlpDestination | null {
  const own = settings[signal];
  const word = signal.toUpperCase();
  if (own === false || env[`OTEL_${word}_EXPORTER`] === 'none') return null;
  const { otlp = {} } = settings;
  const said = (name: string) =>
    env[`OTEL_EXPORTER_OTLP_${word}_${name}`] || env[`OTEL_EXPORTER_OTLP_${name}`] || undefined;
  const base = otlp.url ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const url =
    own?.url ??
    (otlp.url === undefined ? env[`OTEL_EXPORTER_OTLP_${word}_ENDPOINT`] : undefined) ??
    (base ? `${base.replace(/\/$/, '')}/v1/${signal}` : undefined);
  if (!url) return null;
  const complain = (message: string) => problems.add(['telemetry', signal], message);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    complain('the endpoint that the environment names is no http or https URL');
  const encoding = otlp.encoding ?? encodingOf(said('PROTOCOL'));
  if (encoding === null)
    complain(`OTLP is sent over HTTP only: expected http/protobuf or http/json, got "${said('PROTOCOL')}"`);
  const headers = { ...pairsOf(said('HEADERS') ?? ''), ...otlp.headers, ...(own ?? {}).headers };
  const every = signal === 'metrics' && own && 'every' in own ? own.every : undefined;
  return {
    signal,
    url,
    encoding: encoding ?? 'protobuf',
    gzip: (otlp.compression ?? said('COMPRESSION')) === 'gzip',
    headers: Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]),
    tls: clientTlsOf(otlp.tls),
    timeoutMs: parseDuration(otlp.timeout ?? numberOf(said('TIMEOUT')) ?? '10s'),
    queue:
      otlp.queue ??
      numberOf(env[signal === 'logs' ? 'OTEL_BLRP_MAX_QUEUE_SIZE' : 'OTEL_BSP_MAX_QUEUE_SIZE']) ??
      8192,
    everyMs:
      signal === 'metrics'
        ? Math.max(1000, parseDuration(every ?? numberOf(env['OTEL_METRIC_EXPORT_INTERVAL']) ?? '60s'))
        : (numberOf(env[signal === 'logs' ? 'OTEL_BLRP_SCHEDULE_DELAY' : 'OTEL_BSP_SCHEDULE_DELAY']) ?? 1000),
  };
}

function encodingOf(protocol: string | undefined): OtlpDestination['encoding'] | null {
  if (protocol === undefined || protocol === 'http/protobuf') return 'protobuf';
  return protocol === 'http/json' ? 'json' : null;
}

/** Without a word for it everything is kept, or what the caller keeps. */
function samplerOf(env: Environment): { readonly ratio: number; readonly followsParent: boolean } {
  const name = env['OTEL_TRACES_SAMPLER'] ?? 'parentbased_always_on';
  const followsParent = name.startsWith('parentbased_');
  const kind = name.replace('parentbased_', '');
  if (kind === 'always_off') return { ratio: 0, followsParent };
  const share = Number(env['OTEL_TRACES_SAMPLER_ARG'] ?? 1);
  const isShare = kind === 'traceidratio' && share >= 0 && share <= 1;
  return { ratio: isShare ? share : 1, followsParent };
}

/** `name=value,name=value`, values percent-encoded, as W3C Baggage has it. */
function pairsOf(text: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) pairs[pair.slice(0, at).trim()] = unescaped(pair.slice(at + 1).trim());
  }
  return pairs;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
