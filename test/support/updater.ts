// What scoped events have beside their own fields where they happen for updates.

export const UPDATER = { purpose: 'updates', thread: 'Updater' } as const;
