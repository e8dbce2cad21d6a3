import type { Command } from 'commander';
import type { PoolReport } from '#core/contracts/pool-control.ts';
import { askAdmin, type AdminOptions } from './admin-client.ts';
import { adminOption, jsonOption, stateOption } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable, visible } from './render-table.ts';

export function addUpstreams(sluice: Command): void {
  const upstreams = sluice.command('upstreams').description('servers and targets, and how they fare');
  upstreams
    .command('list', { isDefault: true })
    .description('state of each member')
    .addOption(adminOption())
    .addOption(stateOption())
    .addOption(jsonOption())
    .action(async (flags: AdminOptions & { json?: boolean }) => {
      const answer = await askAdmin<{ upstreams: PoolReport[] }>(flags, 'GET /v1/upstreams');
      await (flags.json ? printJson(answer.upstreams) : print(renderGroups(answer.upstreams)));
    });
  for (const [verb, drained] of [
    ['drain', true],
    ['undrain', false],
  ] as const) {
    upstreams
      .command(verb)
      .description(
        drained ? 'gives a member nothing new, until undrain or a restart' : 'lets it take part again',
      )
      .argument('<group>')
      .argument('<member>')
      .addOption(adminOption())
      .addOption(stateOption())
      .action(async (group: string, member: string, flags: AdminOptions) => {
        await askAdmin(flags, 'POST /v1/upstreams/drain', { group, member, drained });
      });
  }
}

const renderGroups = (groups: readonly PoolReport[]): string =>
  renderTable(
    ['group', 'member', 'state', 'in flight', 'latency ms', 'tokens/s', 'quota', 'failures', 'back in s'],
    groups.flatMap(({ group, members }) =>
      members.map((each) => [
        visible(group),
        visible(each.id),
        each.state,
        each.inFlight,
        each.ewmaMs === null ? '-' : Math.round(each.ewmaMs),
        each.tokensPerSecond === null ? '-' : Math.round(each.tokensPerSecond),
        each.quotaLeft === null ? '-' : `${Math.round(100 * each.quotaLeft)} %`,
        each.failures,
        each.outForMs === 0 ? '-' : Math.ceil(each.outForMs / 1000),
      ]),
    ),
  );
