// The fields that an event has in addition to its own if it is reported for updates.

export const UPDATER = { purpose: 'updates', thread: 'Updater' } as const;
