import type { Lease, PoolMember, PoolWish, TargetPool } from '#core/contracts/target-pool.ts';

export interface PoolSettings<T> {
  readonly name: string;
  readonly members: readonly PoolMember<T>[];
  /** `ordered`: always the first that was not tried. `round-robin`: in turn. */
  readonly balance: 'ordered' | 'round-robin';
}

export function createPool<T>({ name, members: first, balance }: PoolSettings<T>): TargetPool<T> {
  let members = first;
  let turn = 0;
  return {
    name,
    get members() {
      return members;
    },
    update(others) {
      members = others;
    },
    take({ tried, again }: PoolWish): Lease<T> | null {
      const start = balance === 'ordered' || members.length === 0 ? 0 : turn++ % members.length;
      const inOrder = [...members.slice(start), ...members.slice(0, start)];
      const member = inOrder.find(({ id }) => !tried.includes(id)) ?? (again ? inOrder[0] : undefined);
      if (!member) return null;
      return { member, isLast: !again && tried.length + 1 >= members.length, end: () => undefined };
    },
  };
}
