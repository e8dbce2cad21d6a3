import { InvalidArgumentError, Option } from 'commander';

/** A whole number in a range, as a commander parser. */
export const wholeNumber =
  (from: number, to: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < from || value > to) {
      throw new InvalidArgumentError(`Expected a whole number from ${from} to ${to}.`);
    }
    return value;
  };

export const wordList = (text: string): string[] => text.split(',').map((word) => word.trim());

export const stateOption = () =>
  new Option('--state <directory>', 'state directory').env('SLUICE_STATE').default('.sluice');

/** Secrets do not belong on command lines that others can list: the variable is the usual way. */
export const postgresOption = () =>
  new Option(
    '--postgres <url>',
    'URL of the PostgreSQL server that many nodes share, instead of the state directory',
  ).env('SLUICE_POSTGRES');

/** The server at a URL, as commands reach it; what it needs for TLS is in the URL. */
export const serverAt = (url: string) => ({ url, connectTimeoutMs: 5_000, tls: null });

export const adminOption = () =>
  new Option(
    '--admin <url>',
    'URL of the admin API (default: as in the state directory, else http://127.0.0.1:9080)',
  ).env('SLUICE_ADMIN_URL');

export const jsonOption = () => new Option('--json', 'JSON for scripts');

const unitMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `30d`, `12h`, … from now on, or a date; as epoch milliseconds. */
export function expiryOf(text: string): number {
  const lasting = /^([1-9]\d{0,5})([mhdw])$/.exec(text);
  if (lasting) return Date.now() + Number(lasting[1]) * unitMs[lasting[2]!]!;
  const at = momentOf(text);
  if (at <= Date.now()) throw new InvalidArgumentError('This moment has passed.');
  return at;
}

/** A span of time, in seconds. */
export function overlapOf(text: string): number {
  const match = /^(0|[1-9]\d{0,5})(s|[mhdw])?$/.exec(text);
  const unit = match?.[2] ?? 's';
  if (!match) throw new InvalidArgumentError('Expected a span such as 90s, 30m, 12h or 7d.');
  return Number(match[1]) * (unit === 's' ? 1 : unitMs[unit]! / 1000);
}

/** A date or time as ISO 8601, in UTC where it names no offset; as epoch milliseconds. */
export function momentOf(text: string): number {
  const match = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  const ms = match ? Date.parse(match[1] && !match[4] ? `${text}Z` : text) : NaN;
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('Expected a time such as 30d, 2026-12-31 or 2026-12-31T12:00:00Z.');
  return ms;
}
