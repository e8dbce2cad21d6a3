import { isObject } from '#core/read-json.ts';
import type { Fields } from '../fields.ts';

/** Everything of one kind in a declarative configuration: at its top, and within what it belongs to. */
export interface Entities {
  readonly services: readonly Fields[];
  readonly routes: readonly RouteEntity[];
  readonly plugins: readonly PluginEntity[];
  readonly upstreams: readonly Fields[];
  readonly consumers: readonly Fields[];
  readonly groups: readonly Fields[];
}

export interface RouteEntity {
  readonly fields: Fields;
  /** Name or id of its service; null: it has none. */
  readonly service: string | null;
}

/** What a plugin is for, by name or id; null: for any. */
interface Scope {
  readonly service: string | null;
  readonly route: string | null;
  readonly consumer: string | null;
  readonly group: string | null;
}

export interface PluginEntity extends Scope {
  readonly fields: Fields;
}

/** As one entity refers to another: by name or id, alone or in a mapping. */
export function reference(fields: Fields, key: string): string | null {
  const value = fields.take(key);
  if (typeof value === 'string') return value;
  if (!isObject(value)) return null;
  for (const by of ['name', 'id', 'username']) {
    const text = value[by];
    if (typeof text === 'string') return text;
  }
  return null;
}

const namesOf = ['name', 'username', 'id', 'custom_id'] as const;

/** What it is called by those within it; its place where it has no name. */
export function calledBy(fields: Fields): string {
  for (const key of namesOf) {
    const value = fields.peek(key);
    if (typeof value === 'string' && value !== '') return value;
  }
  return fields.path.join('-');
}

/** Is it what a reference means? */
export const isCalled = (fields: Fields, name: string): boolean =>
  calledBy(fields) === name || namesOf.some((key) => fields.peek(key) === name);

const anywhere: Scope = { service: null, route: null, consumer: null, group: null };

export function collectEntities(root: Fields): Entities {
  const services = root.each('services');
  const consumers = root.each('consumers');
  const groups = root.each('consumer_groups');
  const routes: RouteEntity[] = root
    .each('routes')
    .map((fields) => ({ fields, service: reference(fields, 'service') }));
  for (const service of services)
    for (const fields of service.each('routes')) routes.push({ fields, service: calledBy(service) });
  const plugins: PluginEntity[] = [];
  const take = (owner: Fields, scope: Scope): void => {
    for (const fields of owner.each('plugins')) plugins.push(pluginOf(fields, scope));
  };
  take(root, anywhere);
  for (const service of services) take(service, { ...anywhere, service: calledBy(service) });
  for (const { fields } of routes) take(fields, { ...anywhere, route: calledBy(fields) });
  for (const consumer of consumers) take(consumer, { ...anywhere, consumer: calledBy(consumer) });
  for (const group of groups) take(group, { ...anywhere, group: calledBy(group) });
  return { services, routes, plugins, upstreams: root.each('upstreams'), consumers, groups };
}

const pluginOf = (fields: Fields, within: Scope): PluginEntity => ({
  fields,
  service: reference(fields, 'service') ?? within.service,
  route: reference(fields, 'route') ?? within.route,
  consumer: reference(fields, 'consumer') ?? within.consumer,
  group: reference(fields, 'consumer_group') ?? within.group,
});
