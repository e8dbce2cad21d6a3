/** SQLSTATE of an error of the server; empty for one of the way there. */
export const stateOf = (error: unknown): string => {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && severity !== undefined ? code : '';
};

/**
 * Did the server refuse what a statement says, and will again? Data that no column holds, constraints, and limits of the
 * program (https://www.postgresql.org/docs/15/errcodes-appendix.html).
 */
export const isRefused = (error: unknown): boolean => ['22', '23', '54'].includes(stateOf(error).slice(0, 2));

/** Is somebody in the way, who will not be there next time? Locks, deadlocks, serialisation. */
export const isInTheWay = (error: unknown): boolean => ['55P03', '40P01', '40001'].includes(stateOf(error));
