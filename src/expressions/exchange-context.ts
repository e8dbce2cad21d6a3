import type { Exchange } from '#core/exchange.ts';
import type { HeaderList } from '#core/head.ts';
import { decodedParameter } from '#core/query.ts';
import { wrappersOf } from './create-environment.ts';

/** Names that a policy's rule may use, besides `claims`, and the types of their fields. */
export const exchangeVariables = {
  request: {
    method: 'string',
    scheme: 'string',
    host: 'string',
    path: 'string',
    client: 'string',
    headers: 'map<string, string>',
    query: 'map<string, string>',
  },
  consumer: {
    id: 'string',
    name: 'string',
    project: 'string',
    team: 'string',
    groups: 'list<string>',
  },
  time: { hour: 'int', weekday: 'int' },
  call: { model: 'string', stream: 'bool', maxOutputTokens: 'int', choices: 'int' },
} as const;

export const wrappers = wrappersOf(exchangeVariables);

const nobody = { id: '', consumer: '', project: '', team: '', groups: [] };
const noCall = { model: '', stream: false, maxOutputTokens: null, choices: 0 };

/** What a rule may ask of an exchange, found out when it is asked for. */
export const contextOf = (exchange: Exchange) => ({
  get request() {
    return new wrappers['request']!(new Requested(exchange));
  },
  /** Empty texts where nobody has authenticated. A name is one under `consumers`: nobody can give himself one. */
  get consumer() {
    const { id, consumer: name = '', project, team, groups } = exchange.consumer ?? nobody;
    return new wrappers['consumer']!({ id, name, project, team, groups });
  },
  get claims() {
    return new Map(Object.entries(exchange.claims ?? {}));
  },
  get call() {
    const { model, stream, maxOutputTokens, choices } = exchange.brief ?? noCall;
    return new wrappers['call']!({ model, stream, maxOutputTokens: maxOutputTokens ?? 0, choices });
  },
  /** When the call came, in UTC; weekdays from 1, Monday, to 7 (ISO 8601). */
  get time() {
    const at = new Date(exchange.admittedAtMs);
    return new wrappers['time']!({ hour: at.getUTCHours(), weekday: at.getUTCDay() || 7 });
  },
});

class Requested {
  readonly #head: Exchange['head'];

  constructor({ head }: Exchange) {
    this.#head = head;
  }

  get method(): string {
    return this.#head.method;
  }

  get scheme(): string {
    return this.#head.scheme;
  }

  get host(): string {
    return this.#head.host;
  }

  get path(): string {
    return this.#head.path;
  }

  get client(): string {
    return this.#head.clientAddress;
  }

  /** Names in lower case; several lines of a name are one, joined as RFC 9110 §5.3 says. */
  get headers(): ReadonlyMap<string, string> {
    return joined(this.#head.headers);
  }

  /** Of several parameters of a name all, joined by commas: none of them hides behind another. */
  get query(): ReadonlyMap<string, string> {
    const pairs = this.#head.query === '' ? [] : this.#head.query.split('&');
    return joined(
      pairs.flatMap((pair) => {
        const equals = pair.indexOf('=');
        const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
        return [decodedParameter(name), decodedParameter(value)];
      }),
    );
  }
}

function joined(list: HeaderList): Map<string, string> {
  const named = new Map<string, string>();
  for (let i = 0; i < list.length; i += 2) {
    const before = named.get(list[i]!);
    named.set(list[i]!, before === undefined ? list[i + 1]! : `${before}, ${list[i + 1]!}`);
  }
  return named;
}
