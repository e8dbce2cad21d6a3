import type { Command } from 'commander';
import type { KeyView } from '#core/contracts/control-plane.ts';
import { askAdmin, askPages, type AdminOptions } from './admin-client.ts';
import { adminOption, expiryOf, overlapOf, jsonOption, stateOption, wordList } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable, visible } from './render-table.ts';

interface KeyFlags extends AdminOptions {
  readonly json?: boolean;
}

interface CreateFlags extends KeyFlags {
  readonly project: string;
  readonly models?: readonly string[];
  readonly expires?: number;
}

interface RotateFlags extends KeyFlags {
  /** Seconds. */
  readonly overlap?: number;
}

export function addKeys(sluice: Command): void {
  const keys = sluice.command('keys').description('credentials of consumers');
  withAdmin(keys.command('list').description('all keys, without their secrets')).action(list);
  withAdmin(keys.command('create').description('make a key; its secret is shown this once'))
    .argument('<name>')
    .requiredOption('--project <name>', 'the project that it acts for')
    .option('--models <names>', 'models it may use, comma-separated; * matches any characters', wordList)
    .option('--expires <when>', 'such as 12h, 30d or 2026-12-31', expiryOf)
    .action(create);
  withAdmin(keys.command('rotate').description('give a key another secret, shown this once'))
    .argument('<id>')
    .option(
      '--overlap <duration>',
      'for how long the secret before stays in force, such as 1h (0)',
      overlapOf,
    )
    .action(rotate);
  withAdmin(keys.command('revoke').description('end a key; done when every thread refuses it'))
    .argument('<id>')
    .action(revoke);
}

const withAdmin = (command: Command) =>
  command.addOption(adminOption()).addOption(stateOption()).addOption(jsonOption());

async function list(flags: KeyFlags): Promise<void> {
  const keys = await askPages<KeyView>(flags, '/v1/keys', 'keys');
  if (flags.json) return printJson(keys);
  const rows = keys.map((key) => [
    key.id,
    key.name,
    key.project,
    key.team,
    key.models ?? 'all',
    key.expiresAtMs === null ? 'never' : new Date(key.expiresAtMs).toISOString(),
    key.master,
    key.revoked ? 'revoked' : '',
  ]);
  return print(renderTable(['id', 'name', 'project', 'team', 'models', 'expires', 'kept in', ''], rows));
}

async function create(name: string, flags: CreateFlags): Promise<void> {
  const wish = {
    name,
    project: flags.project,
    models: flags.models ?? null,
    expiresAtMs: flags.expires ?? null,
  };
  const made = await askAdmin<{ key: KeyView; secret: string }>(flags, 'POST /v1/keys', wish);
  if (flags.json) return printJson(made);
  process.stderr.write(`${visible(made.key.id)}: keep the secret now, it is not shown again\n`);
  return print(`${made.secret}\n`);
}

async function rotate(id: string, { overlap = 0, ...flags }: RotateFlags): Promise<void> {
  const line = `POST /v1/keys/${encodeURIComponent(id)}/rotate`;
  const made = await askAdmin<{ key: KeyView; secret: string }>(flags, line, { overlapSeconds: overlap });
  if (flags.json) return printJson(made);
  process.stderr.write(`${visible(id)}: keep the secret now, it is not shown again\n`);
  return print(`${made.secret}\n`);
}

async function revoke(id: string, flags: KeyFlags): Promise<void> {
  await askAdmin(flags, `DELETE /v1/keys/${encodeURIComponent(id)}`);
  return flags.json ? printJson({ revoked: id }) : print(`${visible(id)} is refused from now on\n`);
}
