// The fields that scoped events have in addition to their own if they happen for updates.

export const UPDATER = { purpose: 'updates', thread: 'Updater' } as const;
