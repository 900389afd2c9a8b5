// Codes of `src/uploads`: the policy, support logs, and documents of exposure analytics.

import type { Entry } from './entry.ts';

export const UPLOAD_CODES = {
  'POLICY-UPLOADS': {
    text: 'Uploads are forbidden on this host: uploads_allowed is false. Nothing was collected or sent.',
    check: 'Only root can allow uploads: set uploads_allowed to true in the configuration file.',
    class: 'policy',
    retry: 'change',
  },
  'UPLOADS-OFF': {
    text: 'Cannot send {title:words}: {key:key} is not set to {wanted:words}.',
    check: 'Nothing leaves this host before an admin enables it. Set the key, then repeat the command.',
    class: 'policy',
    retry: 'change',
  },
  // Documents of exposure analytics (`uploads/analytics`)
  'DOCUMENTS-INVALID': {
    text: '{what} was refused as a whole: {count} line{count:s} cannot be accepted ({reason:words}).',
    check:
      'Nothing of it was accepted. Correct these lines and hand it in again: one JSON object on each line, in UTF-8.',
    class: 'content',
    retry: 'change',
  },
  'SPOOL-SHARE': {
    text: 'User {user} has used the half of the spool that one user may fill ({limit:size}).',
    check: 'The files of this user wait until documents were sent. Files of other users are accepted.',
    class: 'system',
    retry: 'later',
  },
  'DROP-DIRECTORY': {
    text: 'Cannot use the drop directory {path}: {reason:words}.',
    check:
      'Create it with systemd-tmpfiles as docs/install.md shows: it belongs to the user of the service, with mode 3770.',
    class: 'system',
    retry: 'change',
  },
  'BATCH-NO-RECEIPT': {
    text: '{url} did not confirm that the batch is stored: {reason:words}.',
    check:
      'The batch is kept and sent again. If this happens again, check that the URL is that of a collector for Sallyport.',
    class: 'http',
    retry: 'later',
  },
  'BATCH-CONFLICT': {
    text: '{url} has other content under the id of batch {batch}: {reason:words}.',
    check:
      'The batch is held. Ask the operator of the collector which content it has, then run sallyport queue retry or sallyport queue drop.',
    class: 'http',
    retry: 'change',
  },
  'DOCUMENTS-REJECTED': {
    text: 'The collector rejected {count} document{count:s} of batch {batch}.',
    check: 'They are kept with the reasons in outbox/batch/rejected of the state folder; show them to their author.',
    class: 'content',
    retry: 'never',
  },
} as const satisfies Record<string, Entry>;
