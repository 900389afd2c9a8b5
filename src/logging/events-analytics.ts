// Events of exposure analytics: documents that other programs submit, and the batches in which they are sent.

import type { Definition } from './event-definition.ts';

export const ANALYTICS_EVENTS = {
  // Starting and stopping
  'analytics-on': {
    level: 'info',
    thread: null,
    text: 'Exposure analytics are on: documents are accepted and sent to {url}.',
  },
  'analytics-off': {
    level: 'info',
    thread: null,
    text: 'Documents are no longer accepted or sent: {error:advised}',
  },
  'documents-kept': {
    level: 'info',
    thread: null,
    text: 'Exposure analytics are off. Documents that were accepted earlier and are kept on disk: {documents}.',
  },
  'analytics-unusable': {
    level: 'error',
    thread: null,
    text: 'Documents cannot be accepted or sent now; trying again in a minute: {error:advised}',
    folds: true,
  },
  // Accepting documents
  'submit-listening': {
    level: 'info',
    thread: null,
    text: 'Listening for documents on {path}.',
  },
  'submit-unusable': {
    level: 'error',
    thread: null,
    text: 'Cannot listen for documents; trying again in a minute: {error:advised}',
    folds: true,
  },
  'documents-submitted': {
    level: 'debug',
    thread: null,
    text: 'Accepted {documents} document{documents:s} ({bytes:size}) from user {user}.',
  },
  'documents-dropped': {
    level: 'debug',
    thread: null,
    text: 'Accepted {documents} document{documents:s} from {files} file{files:s} in the drop directory.',
  },
  'documents-invalid': {
    level: 'warn',
    thread: null,
    text: 'Refused documents from user {user}: {error:advised}',
    folds: true,
  },
  'documents-full': {
    level: 'warn',
    thread: null,
    text: 'New documents are refused: {error:advised}',
    folds: true,
  },
  'drop-rejected': {
    level: 'warn',
    thread: null,
    text: 'Moved {file} of user {user} to rejected/: {error:advised}',
  },
  'drop-discarded': {
    level: 'warn',
    thread: null,
    text: 'Deleted {file} of user {user}, because it was rejected and there is no space for it in rejected/: {error:advised}',
  },
  'drop-failed': {
    level: 'warn',
    thread: null,
    text: 'Cannot read {file} in the drop directory: {error:advised}',
    folds: true,
  },
  'drop-waits': {
    level: 'warn',
    thread: null,
    text: 'Files in the drop directory are waiting: {error:advised}',
  },
  'drop-unusable': {
    level: 'error',
    thread: null,
    text: 'Documents in the drop directory are not accepted: {error:advised}',
  },
  // Sending batches
  'batch-sent': {
    level: 'debug',
    thread: null,
    text: 'Sent batch {batch} with {documents} document{documents:s}: {bytes:size}, compressed to {wireBytes:size}.',
  },
  'batches-sent': {
    level: 'info',
    thread: null,
    text: 'Sent {documents} document{documents:s} to {url} (batches: {batches}): {bytes:size}, compressed to {ratio}%, in {elapsed:ms}, via {via:words}.',
  },
  'batch-failed': {
    level: 'warn',
    thread: null,
    text: 'Sending batch {batch} failed{hop:at}: {error:advised} Next try at {at:time}.',
  },
  'batch-failed-again': {
    level: 'debug',
    thread: null,
    text: 'Sending batch {batch} failed: {code} (failures so far: {failures}). Next try at {at:time}.',
  },
  'batches-recovered': {
    level: 'info',
    thread: null,
    text: 'Sending exposure analytics succeeded after {failures} failure{failures:s}.',
  },
  'documents-rejected': {
    level: 'error',
    thread: null,
    text: 'Documents were rejected: {error:advised}',
  },
  'batch-held': { level: 'error', thread: null, text: 'Batch {batch} is held and not sent: {error:advised}' },
} as const satisfies Record<string, Definition>;
