/** Appends to the chain of a state directory until it is killed, and says what is written. */
import { MasterKey } from '#storage/embedded/master-key.ts';
import { openChainSecret } from '../chain-secret.ts';
import { ChainWriter } from '../chain-writer.ts';
import { chainFolder } from '../places.ts';

const [directory, key] = process.argv.slice(2) as [string, string];
const master = new MasterKey({ directory, given: [key] });
const writer = new ChainWriter({
  folder: chainFolder(directory),
  secret: openChainSecret(directory, master),
  rules: { keepMs: 0, maxBytes: 0, segmentBytes: 4096 },
  nowMs: () => Date.now(),
});
for (let i = 0; ; i++) {
  const records = [{ kind: 'change', action: `act-${i}`, text: 'x'.repeat(i % 700) }];
  if (i % 3 === 0) writer.append(records);
  else writer.appendLoose(records);
  process.stdout.write(`${writer.head.sequence}\n`);
}
