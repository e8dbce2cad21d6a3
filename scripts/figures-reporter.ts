/**
 * A reporter of node:test that keeps only figures: a test says one by `t.diagnostic('figure: things counted: 12')` once it
 * has proved it. The same thing said by several tests is added up. Writes a JSON object from thing to count.
 */
interface Report {
  readonly type: string;
  readonly data: { readonly message?: string };
}

// oxlint-disable-next-line import/no-default-export -- node:test takes a reporter only so
export default async function* figures(source: AsyncIterable<Report>): AsyncGenerator<string> {
  const counts: Record<string, number> = {};
  for await (const { type, data } of source) {
    const figure = type === 'test:diagnostic' ? /^figure: (.+): (\d+)$/.exec(data.message ?? '') : null;
    if (figure) counts[figure[1]!] = (counts[figure[1]!] ?? 0) + Number(figure[2]);
    const total =
      type === 'test:diagnostic' ? /^(tests|pass|fail|skipped|todo) (\d+)$/.exec(data.message ?? '') : null;
    if (total) counts[`@${total[1]}`] = Number(total[2]);
  }
  yield JSON.stringify(counts);
}
