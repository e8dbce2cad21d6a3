import { hash } from 'node:crypto';
import type { ConfigStore } from '#core/contracts/config-store.ts';
import {
  ControlError,
  type ConfigControl,
  type ConfigDifference,
  type ConfigFinding,
  type ConfigMasterKind,
} from '#core/contracts/control-plane.ts';
import type { PolicyFiles } from '#core/policy-files.ts';
import { bootstrapKeys } from '#config/bootstrap.ts';
import { diffDocuments } from '#config/diff-documents.ts';
import { readDocument } from '#config/load.ts';
import { placesIn } from '#config/places.ts';
import { ConfigError } from '#config/problem.ts';
import { loadConfig } from './configuration.ts';
import { hideSecrets, schemaOfDocuments, secretPlaces } from './hide-secrets.ts';
import type { Reloader } from './reloader.ts';

export interface ConfigControlParts {
  readonly reloader: Reloader;
  /** What it began as; a store that something was applied to is not the environment any more. */
  readonly kind: ConfigMasterKind;
  /** Null: versions are not kept here. */
  readonly versions: ConfigStore | null;
}

/** The configuration as it can be asked about and changed. */
export function createConfigControl({ reloader, kind, versions }: ConfigControlParts): ConfigControl {
  const master = (): ConfigMasterKind =>
    kind === 'store' && reloader.current.shared === null ? 'environment' : kind;
  const storedVersion = (): number | null =>
    kind === 'file' ? null : (reloader.current.shared?.version ?? 0);

  const policiesInForce = (): PolicyFiles | null => reloader.current.snapshot.policyFiles ?? null;

  function check(text: string): readonly ConfigFinding[] {
    const { source, overrides } = reloader;
    const shared = kind === 'file' ? null : { text, version: (storedVersion() ?? 0) + 1 };
    try {
      // Whoever asks us to look at a document does not choose what code we run.
      const policies = { inForce: policiesInForce(), mayLoad: false };
      loadConfig({ source, overrides, version: 0, policies, ...(shared ? { shared } : { text }) });
      return shared ? findingsOfShared(text, kind, policies.inForce) : [];
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
  }

  function diff(text: string): ConfigDifference[] {
    try {
      const [before, after] = [reloader.current.text, text].map(
        (each) => readDocument(each, 'document').written,
      );
      return diffDocuments(before, after, schemaOfDocuments(policiesInForce()));
    } catch (error) {
      if (error instanceof ConfigError)
        throw new ControlError(400, error.message, { findings: error.problems });
      throw error;
    }
  }

  /** @throws ControlError 409. */
  function store(text: string | null): ConfigStore {
    if (versions) return versions;
    const { path } = reloader.source;
    if (kind === 'control-plane')
      throw new ControlError(
        409,
        'The configuration is mastered by the control plane that this node has joined: ask there.',
      );
    const changes = text === null ? {} : { changes: diff(text) };
    throw new ControlError(
      409,
      text === null
        ? `The configuration is mastered by its file (${path}), which keeps no versions.`
        : `The configuration is mastered by its file (${path}): make these changes there; the gateway takes them up by itself.`,
      changes,
    );
  }

  return {
    read() {
      const { text, snapshot, shared } = reloader.current;
      return {
        // What a store has holds no secrets, and must come out as it went in.
        text: shared ? text : hideSecrets(text, policiesInForce()),
        digest: snapshot.digest,
        version: snapshot.version,
        master: master(),
        path: reloader.source.path,
        storedVersion: storedVersion(),
      };
    },
    check,
    diff,
    async apply({ text, after, comment, author }) {
      const kept = store(text);
      const findings = check(text);
      if (findings.length > 0)
        throw new ControlError(400, 'The document is not good, and nothing was changed.', { findings });
      const digest = hash('sha256', text, 'hex');
      const made = await reached(kept.append({ text, digest, author, comment }, after));
      if (made === null) {
        const latest = await reached(kept.list(1));
        throw new ControlError(
          412,
          `Version ${after} is not the latest any more: ${latest[0]?.version ?? 0} is. See what it has changed, then apply again.`,
        );
      }
      const refusal = await reloader.takeShared({ text, version: made.version });
      const { text: _text, ...line } = made;
      return { ...line, refusal: refusal?.reason ?? null };
    },
    versions: async (limit, before) => reached(store(null).list(limit, before)),
    async readVersion(version) {
      const found = await reached(store(null).read(version));
      if (!found) throw new ControlError(404, `There is no version ${version} of the configuration.`);
      return found;
    },
  };
}

async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw new ControlError(503, (error as Error).message);
  }
}

/**
 * What a document may not say that is kept by a store: secrets, which every node fills in for itself, and what is of one
 * node. The only node of a store may say there how it is started, but not where the store is.
 */
export function findingsOfShared(
  text: string,
  kind: ConfigMasterKind,
  policies: PolicyFiles | null,
): ConfigFinding[] {
  const place = placesIn(text);
  const { written } = readDocument(text, 'document');
  // Code comes from a node's own disk, and no API says from where.
  const keys: readonly string[] =
    kind === 'store' ? ['state', 'storage', 'policyFolder', 'programs'] : bootstrapKeys;
  const own = Object.keys(written as object)
    .filter((key) => keys.includes(key))
    .map((key) => ({
      ...place([key], true),
      message:
        kind === 'store'
          ? 'is said at the start: by --state, or in a file given with --config'
          : "is each node's own: say it in the file that the node is started with",
    }));
  const secrets = secretPlaces(text, policies).map((steps) => ({
    ...place(steps),
    message:
      'is a secret, and what is applied holds none: write ${env:NAME} or ${file:path}, which each node fills in for itself',
  }));
  return [...own, ...secrets];
}
