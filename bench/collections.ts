/** What garbage collection took of a gateway that says so in its metrics. */
export interface Collections {
  readonly seconds: number;
  /** Since the gateway started. */
  readonly longestPauseSeconds: number;
}

/** Reads the gateway's own metrics; undefined when it does not tell. */
export async function readCollections(adminPort: number): Promise<Collections | undefined> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`).catch(() => null);
  if (!answer) return undefined;
  const text = await answer.text();
  const seconds = readSeries(text, 'sluice_gc_seconds_total');
  if (!answer.ok || seconds.length === 0) return undefined;
  return {
    seconds: seconds.reduce((sum, value) => sum + value, 0),
    longestPauseSeconds: Math.max(0, ...readSeries(text, 'sluice_gc_longest_pause_seconds')),
  };
}

/** Values of all series of a name in the Prometheus text format, whatever their labels. */
export function readSeries(text: string, name: string): number[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(name) && (line[name.length] === ' ' || line[name.length] === '{'))
    .map((line) =>
      Number(
        line
          .slice(line.lastIndexOf('}') + 1 || name.length)
          .trim()
          .split(' ')[0],
      ),
    );
}
