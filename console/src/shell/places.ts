/** Where one can go, and the permission of what is asked for there. */
export const places = [
  { name: 'overview', to: '/', permission: 'usage.read' },
  { name: 'exchanges', to: '/exchanges', permission: 'receipts.read' },
] as const;
