import type { Exchange } from '#core/exchange.ts';
import type { HeaderList } from '#core/head.ts';
import { decodedParameter } from '#core/query.ts';

/** What templates may say of an exchange; found out when it is asked for. */
export const exchangeValues = (exchange: Exchange): object => {
  const { head, consumer, brief } = exchange;
  return {
    id: exchange.id,
    route: exchange.routeName,
    get request() {
      const { method, scheme, host, path, clientAddress: client } = head;
      return {
        method,
        scheme,
        host,
        path,
        client,
        query: queryOf(head.query),
        headers: fieldsOf(head.headers),
      };
    },
    /** Empty texts where nobody has authenticated. */
    consumer: {
      id: consumer?.id ?? '',
      name: consumer?.consumer ?? '',
      project: consumer?.project ?? '',
      team: consumer?.team ?? '',
      groups: consumer?.groups ?? [],
    },
    claims: { ...exchange.claims },
    call: { model: brief?.model ?? '', stream: brief?.stream ?? false },
    /** In UTC (ISO 8601). */
    now: new Date(exchange.admittedAtMs).toISOString(),
  };
};

/** Of several lines of a name the first. Names in lower case. */
export function fieldsOf(headers: HeaderList): object {
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = headers.length - 2; i >= 0; i -= 2) fields[headers[i]!] = headers[i + 1]!;
  return fields;
}

function queryOf(query: string): object {
  const values: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const pair of query === '' ? [] : query.split('&').toReversed()) {
    const equals = pair.indexOf('=');
    const name = decodedParameter(equals < 0 ? pair : pair.slice(0, equals));
    values[name] = equals < 0 ? '' : decodedParameter(pair.slice(equals + 1));
  }
  return values;
}
