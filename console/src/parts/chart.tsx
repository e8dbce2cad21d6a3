import { useEffect, useRef } from 'react';
import { useComputedColorScheme } from '@mantine/core';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { dashes, lines } from '../theme.ts';

export interface ChartSeries {
  readonly label: string;
  /** One value for each time; null: there is none. */
  readonly values: readonly (number | null)[];
}

interface Props {
  /** What it shows, for whoever does not see it; the same figures stand in a table beside it. */
  readonly label: string;
  /** Epoch seconds. */
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
  /** Of a time, in epoch seconds. */
  readonly formatTime: (seconds: number) => string;
  /** Days have no time, and are UTC's. */
  readonly days?: boolean;
  /** Epoch seconds: a part of the chart was chosen. */
  readonly onZoom?: (from: number, to: number) => void;
}

export function Chart({ label, times, series, format, formatTime, days = false, onZoom }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const scheme = useComputedColorScheme('light');
  const names = JSON.stringify(series.map((each) => each.label));
  const data = [times, ...series.map(({ values }) => values)] as unknown as UPlot.AlignedData;
  // What is drawn anew each second must not be made anew each second.
  const latest = useRef({ data, format, formatTime, onZoom });
  latest.current = { data, format, formatTime, onZoom };

  useEffect(() => {
    const box = place.current!;
    const ink = scheme === 'dark' ? '#a9b2bb' : '#565e68';
    const axis = { stroke: ink, grid: { stroke: scheme === 'dark' ? '#2a3036' : '#e4e8eb', width: 1 } };
    const show = (_: UPlot, value: number | null) => (value === null ? '–' : latest.current.format(value));
    const options: UPlot.Options = {
      width: box.clientWidth || 600,
      height: 200,
      ...(days ? { tzDate: (seconds: number) => UPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') } : {}),
      cursor: { drag: { x: latest.current.onZoom !== undefined, y: false, setScale: false } },
      scales: { x: { time: true }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
      axes: [
        { ...axis, space: 90, values: (_, ticks) => ticks.map((at) => latest.current.formatTime(at)) },
        { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => latest.current.format(tick)) },
      ],
      series: [
        { label: '', value: (_, at: number | null) => (at === null ? '–' : latest.current.formatTime(at)) },
        ...(JSON.parse(names) as string[]).map((name, i) => ({
          ...{ label: name, stroke: lines[scheme][i % 6]!, width: 2, value: show },
          ...{ dash: [...dashes[i % 6]!], points: { show: days } },
        })),
      ],
      hooks: {
        setSelect: [
          (self) => {
            const { left, width } = self.select;
            if (width > 4)
              latest.current.onZoom?.(self.posToVal(left, 'x'), self.posToVal(left + width, 'x'));
          },
        ],
      },
    };
    const made = new UPlot(options, latest.current.data, box);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: 200 }));
    resized.observe(box);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, scheme, days]);

  useEffect(() => {
    plot.current?.setData(latest.current.data);
  });

  return <div ref={place} role="img" aria-label={label} />;
}
