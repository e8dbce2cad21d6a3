import { InvalidArgumentError, type Command } from 'commander';
import { askAdmin, type AdminOptions } from './admin-client.ts';
import { loadFile } from './check.ts';
import { adminOption, jsonOption, stateOption } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable, visible } from './render-table.ts';

interface Question {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly model: string | null;
  readonly client: string | null;
  readonly body: string | null;
}

/** As the pipeline gives it, offline or by the admin API. */
interface Explanation {
  readonly routes: readonly { readonly name: string; readonly matches: boolean; readonly why: string }[];
  readonly route: string | null;
  readonly policies: readonly {
    readonly name: string;
    readonly when: readonly string[];
    readonly summary: string;
  }[];
  readonly operation: string | null;
  readonly rules?: readonly {
    readonly when: string;
    readonly use: string;
    readonly holds: boolean | null;
    readonly why: string;
  }[];
  readonly strategy?: string | null;
  readonly targets: readonly string[];
  readonly fault: { readonly code: string; readonly message: string } | null;
}

interface ExplainFlags extends AdminOptions {
  readonly header: readonly string[];
  readonly model?: string;
  readonly client?: string;
  readonly body?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function addExplain(sluice: Command): void {
  sluice
    .command('explain')
    .description('what would happen to a request, and why; nothing is sent')
    .argument('<method>')
    .argument('<url>', 'a path or a URL')
    .option('-H, --header <line>', 'a header, "name: value"; may be repeated', addHeader, [])
    .option('--model <name>', 'the model that the body would name')
    .option('--client <address>', 'the address the request comes from')
    .option('--body <json>', 'the body, where routes are chosen by what it asks')
    .option('--config <file>', 'explain by this file instead of asking the running gateway')
    .addOption(adminOption())
    .addOption(stateOption())
    .addOption(jsonOption())
    .action(async (method: string, url: string, flags: ExplainFlags) => {
      const question = {
        method: method.toUpperCase(),
        url,
        headers: flags.header,
        model: flags.model ?? null,
        client: flags.client ?? null,
        body: flags.body ?? null,
      };
      const explanation = await (flags.config === undefined
        ? askAdmin<Explanation>(flags, 'POST /v1/explain', question)
        : explainOffline(flags.config, question));
      await (flags.json ? printJson(explanation) : print(renderExplanation(explanation)));
    });
}

async function explainOffline(file: string, question: Question): Promise<Explanation> {
  const { explainRequest } = await import('../compose/explain-request.ts');
  return explainRequest(await loadFile(file), question);
}

function addHeader(line: string, before: readonly string[]): string[] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
  if (!match) throw new InvalidArgumentError('Expected "name: value".');
  return [...before, match[1]!, match[2]!];
}

function renderExplanation(told: Explanation): string {
  const parts = ['Routes, in the order they are tried:\n'];
  parts.push(
    renderTable(
      ['', 'route', 'why'],
      told.routes.map((route) => [route.matches ? '  ->' : '', route.name, route.why]),
    ),
  );
  if (told.fault) parts.push(`\nIt would be refused: ${told.fault.code}: ${visible(told.fault.message)}\n`);
  if (told.route === null) return parts.join('');
  parts.push('\nPolicies, in the order they run:\n');
  parts.push(
    told.policies.length === 0
      ? '  none\n'
      : renderTable(
          ['', 'policy', 'when', 'what it does'],
          told.policies.map((policy) => ['', policy.name, policy.when, policy.summary]),
        ),
  );
  if (told.operation) parts.push(`\nOperation: ${told.operation}\n`);
  if (told.rules?.length) {
    parts.push('\nRules of the model, in the order they are asked:\n');
    parts.push(
      renderTable(
        ['', 'when', 'use', 'why'],
        told.rules.map((rule) => [rule.holds ? '  ->' : '', visible(rule.when), visible(rule.use), rule.why]),
      ),
    );
  }
  if (told.strategy) parts.push(`\nStrategy: ${told.strategy}\n`);
  parts.push('\nTargets, the first is tried first:\n');
  const targets = told.targets.map((target) => `  ${visible(target)}\n`);
  parts.push(...(targets.length ? targets : ['  unknown without a model (--model)\n']));
  return parts.join('');
}
