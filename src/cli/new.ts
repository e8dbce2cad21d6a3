import type { Command } from 'commander';
import { addNewPolicy } from './new-policy.ts';
import { addNewProvider } from './new-provider.ts';

export function addNew(sluice: Command): void {
  const make = sluice.command('new').description('write a piece of configuration, or a policy of your own');
  addNewProvider(make);
  addNewPolicy(make);
}
