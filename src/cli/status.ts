import type { Command } from 'commander';
import type { GatewayStatus } from '#core/contracts/control-plane.ts';
import { askAdmin, type AdminOptions } from './admin-client.ts';
import { adminOption, jsonOption, stateOption } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable, visible } from './render-table.ts';

export function addStatus(sluice: Command): void {
  sluice
    .command('status')
    .description('how the running gateway fares')
    .addOption(adminOption())
    .addOption(stateOption())
    .addOption(jsonOption())
    .action(async (flags: AdminOptions & { json?: boolean }) => {
      const status = await askAdmin<GatewayStatus>(flags, 'GET /v1/status');
      await (flags.json ? printJson(status) : print(renderStatus(status)));
    });
}

function renderStatus(status: GatewayStatus): string {
  return [
    `${status.ready ? 'ready' : `NOT READY: ${status.reasons.map(visible).join('; ')}`}\n`,
    `version        ${status.version} on Node ${status.node}\n`,
    `node           ${visible(status.nodeId)}\n`,
    `started        ${new Date(status.startedAtMs).toISOString()}\n`,
    `listens on     ${status.listen}\n`,
    `configuration  ${renderConfiguration(status)}\n`,
    `ledger         ${status.ledger.lagSegments} segment(s) behind\n\n`,
    renderTable(
      ['worker', 'incarnation', 'configuration', 'heartbeat ms ago'],
      status.workers.map((each) => [each.index, each.incarnation, each.snapshotVersion, each.heartbeatAgeMs]),
    ),
  ].join('');
}

function renderConfiguration({ snapshotVersion, configDigest, configuration }: GatewayStatus): string {
  const { master, storedVersion, refused, unreachable } = configuration;
  return [
    `version ${storedVersion ?? snapshotVersion}, ${configDigest.slice(0, 12)}, of the ${master}`,
    ...(refused
      ? [
          `REFUSED ${refused.version === null ? '' : `version ${refused.version}`}: ${visible(refused.reason)}`,
        ]
      : []),
    ...(unreachable === null ? [] : [`its master cannot be asked: ${visible(unreachable)}`]),
  ].join('; ');
}
