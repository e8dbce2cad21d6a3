import { Draft, project, sha256Of, type Piece } from '../draft.ts';
import { Fields } from '../fields.ts';
import { ImportError, type Imported, type Importer, type ImportSource } from '../importer.ts';
import { isModelName, secretOf } from '../llm-parts.ts';
import { readMapping } from '../read-source.ts';
import { ReportBuilder } from '../report.ts';
import { readDeployment, type ReadDeployment } from './deployments.ts';
import { readRouter, type Router } from './router.ts';

/** Configurations of the LiteLLM proxy (https://docs.litellm.ai/docs/proxy/configs). */
export const litellm: Importer = {
  format: 'litellm',
  title: 'a configuration of the LiteLLM proxy (config.yaml)',
  import: importLitellm,
};

/** @throws ImportError */
function importLitellm(source: ImportSource): Imported {
  const written = readMapping(source);
  if (!Array.isArray(written['model_list'])) throw new ImportError(`${source.file}: expected a model_list`);
  const report = new ReportBuilder();
  const draft = new Draft(report);
  const root = new Fields(written, [], report);
  const providers = new Map<string, string>();
  const groups = new Map<string, ReadDeployment[]>();
  for (const fields of root.each('model_list')) {
    const found = readDeployment(fields, draft, providers);
    if (found) groups.set(found.group, [...(groups.get(found.group) ?? []), found]);
  }
  const router = readRouter(root);
  addModels(draft, groups, router);
  const policies = readGeneral(root, draft);
  for (const key of ['environment_variables', 'callback_settings', 'litellm_license'])
    root.within(key)?.restNotCarried('set variables where the gateway is started; see docs/telemetry.md');
  for (const key of ['guardrails', 'mcp_servers', 'credential_list', 'search_tools'])
    for (const each of root.each(key)) each.restNotCarried('write it anew: docs/prompts.md, docs/mcp.md');
  draft.addRoute({ name: 'llm', match: { path: '/v1/**' }, to: { llm: {} }, policies });
  root.close('read');
  return { document: draft.document(), report: report.finish(written) };
}

function addModels(
  draft: Draft,
  groups: ReadonlyMap<string, readonly ReadDeployment[]>,
  router: Router,
): void {
  const targetsOf = (group: string): readonly ReadDeployment[] => groups.get(group) ?? [];
  const named: [string, string][] = [...groups.keys()].map((group) => [group, group]);
  for (const [name, group] of [...named, ...router.aliases]) {
    const own = targetsOf(group);
    if (own.length === 0 || !isModelName(name)) continue;
    const others = router.fallbacksOf(group).map(targetsOf);
    const levels = [own, ...others.filter((level) => level.length > 0)];
    let base = 0;
    const targets = levels.flatMap((level) => {
      const from = base;
      base += Math.max(...level.map(({ priority }) => priority)) + 1;
      return level.map(({ target, weight, priority }) => ({
        ...{ target, weight, priority: Math.min(100, from + priority) },
      }));
    });
    draft.set('models', name, { targets, ...router.pool });
  }
}

/** Who may call. */
function readGeneral(root: Fields, draft: Draft): Piece[] {
  const general = root.within('general_settings');
  const key = general?.text('master_key');
  if (key === undefined) return [];
  const said = { variable: 'MASTER_KEY', purpose: 'key of the callers (master_key)' };
  const isPlain = !key.startsWith('os.environ/');
  const secret = isPlain ? { sha256: sha256Of(key) } : { secret: secretOf(draft.report, key, said) };
  draft.add('keys', 'master', { project, ...secret });
  general!.differs(
    'master_key',
    'a key that may call; the admin API has a token of its own, and makes other keys',
  );
  general!.restNotCarried(
    'keys, teams and budgets made at run time are in its database: see docs/limits.md and the admin API',
  );
  return [{ 'key-auth': {} }, { 'model-access': {} }];
}
