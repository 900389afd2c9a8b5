// Names of the folders of a signed repository. They are in their own file, so that the server does not load the library
// for signed metadata.

/** Every version of each role. */
export const METADATA_FOLDER = 'metadata';
/** Packages and feeds. */
export const TARGETS_FOLDER = 'targets';
