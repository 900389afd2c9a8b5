// Events of uploads: support logs, exposure analytics and telemetry. An event without a thread gets the thread of its purpose.

import type { Definition } from './event-definition.ts';

export const UPLOADS_EVENTS = {
  // Changes by an admin (`sallyport queue`)
  'queue-dropped': {
    level: 'warn',
    thread: 'Main',
    text: 'Dropped {kind} {id} ({bytes:size}, {attempts} failed attempt{attempts:s}) at the request of an admin. It will not be sent.',
  },
  // Documents on disk
  'batch-quarantined': {
    level: 'error',
    thread: null,
    text: 'Moved documents to quarantine/, because they could not be read: {error:advised}',
    folds: true,
  },
  // Jobs of support logs
  'support-logs-on': { level: 'info', thread: null, text: 'Support logs are enabled. They are sent to {url}.' },
  'support-logs-off': {
    level: 'warn',
    thread: null,
    text: 'Support logs are no longer sent, but waiting bundles are kept: {error:advised}',
  },
  'support-logs-unusable': {
    level: 'error',
    thread: null,
    text: 'Support logs cannot be sent: {error:advised}',
    folds: true,
  },
  'bundle-requested': {
    level: 'info',
    thread: null,
    text: 'Bundle {job} of support logs was requested by {by:words}.',
  },
  'bundle-built': {
    level: 'info',
    thread: null,
    text: 'Bundle {job} is ready to be sent: {length:size} (files: {files}, left out: {leftOut}).',
  },
  'bundle-prepared': {
    level: 'info',
    thread: null,
    text: 'Bundle {job} is prepared and is waiting for approval: {length:size} (files: {files}, left out: {leftOut}).',
  },
  'bundle-approved': {
    level: 'info',
    thread: null,
    text: 'Bundle {job} with the digest {sha256} was approved by {by:words}.',
  },
  'bundle-failed': { level: 'error', thread: null, text: 'Bundle {job} could not be created: {error:advised}' },
  'bundle-quarantined': {
    level: 'error',
    thread: null,
    text: 'Moved a bundle to quarantine/, because it cannot be sent: {error:advised}',
    folds: true,
  },
  'scheduled-logs-skipped': {
    level: 'warn',
    thread: null,
    text: 'Support logs were not sent at their scheduled time: {error:advised}',
  },
  // Requests of the platform for support logs
  'logs-request-waits': {
    level: 'warn',
    thread: null,
    text: 'The platform has requested support logs (request {request}, case {case}). To see the request and decide on it, run sallyport send-logs requests.',
  },
  'logs-request-approved': {
    level: 'info',
    thread: null,
    text: 'Request {request} from the platform was approved by {by:words}. The support logs are sent as bundle {job}.',
  },
  'logs-request-denied': {
    level: 'warn',
    thread: null,
    text: 'Request {request} from the platform for support logs was denied by {by:words}. Nothing was collected.',
  },
  // Uploading one file
  'upload-started': {
    level: 'info',
    thread: null,
    text: 'Uploading bundle {job} to {url}, {length:size}.',
  },
  'upload-progress': {
    level: 'debug',
    thread: null,
    text: 'The server has confirmed {confirmed:size} of {length:size} of bundle {job}.',
  },
  uploaded: {
    level: 'info',
    thread: null,
    text: 'Uploaded bundle {job}: {length:size} ({ratio:words}), in {elapsed:ms}, {attempts} attempt{attempts:s}, via {via:words}. Receipt: {receipt}.',
  },
  'upload-recovered': {
    level: 'info',
    thread: null,
    text: 'The upload of bundle {job} succeeded after {failures} failure{failures:s}.',
  },
  'upload-chunk-size': {
    level: 'info',
    thread: null,
    text: 'Upload requests of {from:size} to {origin} fail ({code}); the next requests have {to:size}.',
  },
  'upload-chunk-adjusted': {
    level: 'debug',
    thread: null,
    text: 'Chunk size for {origin} changed from {from:size} to {to:size}.',
  },
  'upload-method': {
    level: 'warn',
    thread: null,
    text: 'Uploads to {origin} cannot use {from:words}; trying {to:words}. {error:advised}',
  },
  'upload-restarted': {
    level: 'warn',
    thread: null,
    text: 'Uploading bundle {job} again from the start: {error:advised}',
  },
  'upload-timeout-changed': {
    level: 'debug',
    thread: null,
    text: 'Response timeout for uploads of {size:size} to {origin} changed from {from:ms} to {to:ms}. Before: {before:words}. Now: {after:words}.',
  },
  'upload-failed': {
    level: 'warn',
    thread: null,
    text: 'Uploading bundle {job} failed{hop:at}: {error:advised} Next try at {at:time}.',
  },
  'upload-failed-again': {
    level: 'debug',
    thread: null,
    text: 'Uploading bundle {job} failed{hop:at}: {code} (failures so far: {failures}). Next try at {at:time}.',
  },
  'upload-held': { level: 'error', thread: null, text: 'Bundle {job} is held and not sent: {error:advised}' },
  'upload-refused': { level: 'error', thread: null, text: 'Bundle {job} cannot be uploaded: {error:advised}' },
  // Telemetry; these events are never sent themselves
  'telemetry-on': { level: 'info', thread: null, text: 'Telemetry is on: {what:words} are sent to {url}.' },
  'telemetry-off': { level: 'info', thread: null, text: 'Telemetry is no longer sent: {error:advised}' },
  'telemetry-failed': {
    level: 'warn',
    thread: null,
    text: 'Sending {what:words} to the collector failed{hop:at}: {error:advised} Sallyport keeps trying, and reports when it succeeds.',
  },
  'telemetry-failed-again': {
    level: 'debug',
    thread: null,
    text: 'Sending {what:words} to the collector failed: {code} (failures so far: {failures}).',
  },
  'telemetry-recovered': {
    level: 'info',
    thread: null,
    text: 'The collector accepts {what:words} again after {failures} failure{failures:s}. Log events dropped since the start: {dropped}.',
  },
  'telemetry-rejected': {
    level: 'warn',
    thread: null,
    text: 'The collector rejected some of the {what:words}: {rejected}. Its message: {message}.',
  },
  'telemetry-accepted': { level: 'info', thread: null, text: 'The collector accepts all {what:words} again.' },
} as const satisfies Record<string, Definition>;
