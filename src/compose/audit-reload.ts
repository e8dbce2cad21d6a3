import type { AuditChange } from '#core/contracts/audit.ts';
import { diffDocuments } from '#config/diff-documents.ts';
import { readDocument } from '#config/load.ts';
import type { LoadedConfig } from './configuration.ts';
import { schemaOfDocuments } from './hide-secrets.ts';
import type { TakenConfig } from './reloader.ts';

/** What the audit log tells of a configuration that this node took, or refused: nobody has asked for it by the admin API here. */
export function reloadEntry({ before, after, refusal, path }: TakenConfig): AuditChange {
  const version = after?.shared?.version ?? refusal?.version ?? null;
  return {
    kind: 'change',
    who: { id: path ?? 'configuration', name: path ?? 'configuration', via: 'gateway' },
    action: 'config.reload',
    resource: version === null ? 'config' : `config/versions/${version}`,
    before: stateOf(before),
    after: after && { ...stateOf(after), changes: changesBetween(before, after) },
    outcome: after ? 'done' : 'refused',
    reason: refusal?.reason ?? null,
    requestId: null,
    address: null,
  };
}

const stateOf = ({ snapshot, shared }: LoadedConfig) => ({
  digest: snapshot.digest,
  version: shared?.version ?? null,
});

/** With secrets hidden. Empty where only what the document refers to is another. */
function changesBetween(before: LoadedConfig, after: LoadedConfig): unknown {
  const [was, is] = [before, after].map(({ text }) => readDocument(text, 'document').written);
  return diffDocuments(was, is, schemaOfDocuments(after.snapshot.policyFiles ?? null));
}
