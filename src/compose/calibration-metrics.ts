import type { CalibrationRow } from '#core/calibration.ts';
import { gauge, type MetricJson } from '#observe/series.ts';

/** As many models as there are names of models among labels elsewhere; the busiest. */
const mostModels = 500;

/** What estimates go by, as metrics. */
export function calibrationMetrics(rows: readonly CalibrationRow[]): MetricJson[] {
  const busiest = [...rows].sort((a, b) => b.samples - a.samples).slice(0, mostModels);
  const values = (valueOf: (row: CalibrationRow) => number): MetricJson['values'] =>
    busiest.map((row) => ({ labels: { model: row.model }, value: valueOf(row) }));
  const now = (name: string, help: string, valueOf: (row: CalibrationRow) => number) =>
    gauge({ name, help, aggregator: 'first' }, values(valueOf));
  const total = (name: string, help: string, valueOf: (row: CalibrationRow) => number): MetricJson => ({
    ...{ name, help, values: values(valueOf) },
    type: 'counter',
    aggregator: 'sum',
  });
  return [
    now(
      'sluice_calibration_input_ratio',
      'Tokens of input for each that was estimated from bytes.',
      ({ inputRatio }) => inputRatio,
    ),
    now('sluice_calibration_output_tokens', 'Mean output of one answer.', ({ output }) => output),
    total('sluice_calibration_samples_total', 'Answers it was learnt from.', ({ samples }) => samples),
    total(
      'sluice_reserved_tokens_total',
      'Tokens that limits reserved before a call.',
      ({ reservedTokens }) => reservedTokens,
    ),
    total(
      'sluice_exceeded_tokens_total',
      'Tokens that were used beyond what limits had reserved.',
      ({ overdraftTokens }) => overdraftTokens,
    ),
  ];
}
