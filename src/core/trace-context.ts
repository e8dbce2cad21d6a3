import { headerOf, valuesOf, type HeaderList } from './head.ts';

/** Where an exchange stands in a trace. https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits: of the exchange itself. */
  readonly spanId: string;
  /** Of whoever called; null: the trace begins here. */
  readonly parent: string | null;
  /** Two hex digits. */
  readonly flags: string;
  /** What others on the way have noted, as it came; null: nothing. */
  readonly state: string | null;
}

const traceparent = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** Of a tracestate that everybody passes on whole (§3.3.1.5). */
const longestState = 512;

/** A valid parent is continued, anything else begins a new trace. `hex` gives that many digits of chance. */
export function traceOf(headers: HeaderList, hex: (digits: number) => string): TraceContext {
  const header = headerOf(headers, 'traceparent');
  const match = header === undefined ? null : traceparent.exec(header);
  const [, version, traceId = '', parent = '', flags = '', more] = match ?? [];
  const isValid = match && !(version === '00' && more) && !/^0+$/.test(traceId) && !/^0+$/.test(parent);
  const spanId = hex(16);
  if (!isValid) return { traceId: hex(32), spanId, parent: null, flags: '01', state: null };
  return { traceId, spanId, parent, flags, state: stateOf(headers) };
}

function stateOf(headers: HeaderList): string | null {
  const state = valuesOf(headers, 'tracestate').join(',');
  return state === '' || state.length > longestState ? null : state;
}

/** Was it decided before that the trace is kept? Null: it begins here. */
export const wasSampled = ({ parent, flags }: TraceContext): boolean | null =>
  parent === null ? null : (Number.parseInt(flags, 16) & 1) === 1;

/** Span of an attempt, by its number from 1: so that nobody need remember what the upstream was told. */
export function attemptSpan({ spanId }: Pick<TraceContext, 'spanId'>, number: number): string {
  const low = (Number.parseInt(spanId.slice(8), 16) ^ Math.imul(number, 0x9e37_79b1)) >>> 0;
  return spanId.slice(0, 8) + low.toString(16).padStart(8, '0');
}

/** Headers by which an upstream goes on with the trace, below the span given. */
export function traceHeaders({ traceId, flags, state }: TraceContext, spanId: string): string[] {
  const headers = ['traceparent', `00-${traceId}-${spanId}-${flags}`];
  return state === null ? headers : [...headers, 'tracestate', state];
}
