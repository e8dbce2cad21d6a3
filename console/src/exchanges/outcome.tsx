import { Badge } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { outcomes } from './filters.ts';

const good = ['completed', 'cache_hit'];

interface Props {
  readonly outcome: string;
  /** Of the answer; 0: there was none. */
  readonly status: number;
}

/** In words, and by colour besides. */
export function Outcome({ outcome, status }: Props) {
  const { t } = useTranslation();
  const known = outcomes.find((each) => each === outcome);
  const isGood = good.includes(outcome) && status < 400;
  return (
    <Badge
      variant="outline"
      radius="sm"
      tt="none"
      fw={500}
      color={isGood ? 'water' : 'red'}
      className="outcome"
    >
      {known ? t(`outcome.${known}`) : outcome} {status > 0 && status}
    </Badge>
  );
}
