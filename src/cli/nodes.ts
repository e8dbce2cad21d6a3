import type { Command } from 'commander';
import type { Invitation, NodeView } from '#core/contracts/node-directory.ts';
import { askAdmin, askPages, type AdminOptions } from './admin-client.ts';
import { adminOption, expiryOf, jsonOption, stateOption, wholeNumber } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable, visible } from './render-table.ts';

interface Flags extends AdminOptions {
  readonly json?: boolean;
}

interface InviteFlags extends Flags {
  readonly expires?: number;
  readonly lease?: number;
}

export function addNodes(sluice: Command): void {
  const nodes = sluice.command('nodes').description('nodes of this gateway, and who may join it as an edge');
  withAdmin(
    nodes.command('list', { isDefault: true }).description('nodes that were heard of, and how they fare'),
  ).action(list);
  withAdmin(nodes.command('invite').description('let one edge node join; its token is shown this once'))
    .argument('<name>')
    .option('--expires <when>', 'such as 12h, 30d or 2026-12-31', expiryOf)
    .option('--lease <percent>', 'of every limit, what it gives out by itself (100)', wholeNumber(1, 100))
    .action(invite);
  withAdmin(nodes.command('invitations').description('what lets edge nodes join, without tokens')).action(
    invitations,
  );
  withAdmin(nodes.command('revoke').description('let nobody in by an invitation any more'))
    .argument('<id>')
    .action(revoke);
}

const withAdmin = (command: Command) =>
  command.addOption(adminOption()).addOption(stateOption()).addOption(jsonOption());

async function list(flags: Flags): Promise<void> {
  const nodes = await askPages<NodeView>(flags, '/v1/nodes', 'nodes');
  if (flags.json) return printJson(nodes);
  const rows = nodes.map((node) => [
    node.id,
    node.name,
    node.kind,
    node.version,
    node.ready ? 'ready' : 'NOT READY',
    node.refusal === null ? node.configVersion : `${node.configVersion}, REFUSED a later one`,
    node.lagSegments,
    Math.round(node.ageMs / 1000),
  ]);
  const head = [
    'node',
    'name',
    'kind',
    'version',
    'state',
    'configuration',
    'segments behind',
    'heard of s ago',
  ];
  return print(renderTable(head, rows));
}

async function invite(name: string, flags: InviteFlags): Promise<void> {
  const wish = { name, expiresAtMs: flags.expires ?? null, leasePercent: flags.lease ?? 100 };
  const made = await askAdmin<{ invitation: Invitation; token: string }>(
    flags,
    'POST /v1/nodes/invitations',
    wish,
  );
  if (flags.json) return printJson(made);
  process.stderr.write(
    `${visible(made.invitation.id)}: keep the token now, it is not shown again; the first node that comes with it has it\n`,
  );
  return print(`${made.token}\n`);
}

async function invitations(flags: Flags): Promise<void> {
  const found = await askPages<Invitation>(flags, '/v1/nodes/invitations', 'invitations');
  if (flags.json) return printJson(found);
  const rows = found.map((each) => [
    each.id,
    each.name,
    each.nodeId ?? 'nobody yet',
    `${each.leasePercent} %`,
    new Date(each.madeAtMs).toISOString(),
    each.expiresAtMs === null ? 'never' : new Date(each.expiresAtMs).toISOString(),
    each.revoked ? 'revoked' : '',
  ]);
  return print(renderTable(['id', 'name', 'node', 'lease', 'made', 'expires', ''], rows));
}

async function revoke(id: string, flags: Flags): Promise<void> {
  await askAdmin(flags, `DELETE /v1/nodes/invitations/${encodeURIComponent(id)}`);
  return flags.json ? printJson({ revoked: id }) : print(`${visible(id)} lets nobody in from now on\n`);
}
