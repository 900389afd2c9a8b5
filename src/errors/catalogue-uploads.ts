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
    check: 'Uploads are off until an admin enables them. Set the key, then repeat the command.',
    class: 'policy',
    retry: 'change',
  },
  // Documents of exposure analytics (`uploads/analytics`)
  'SUBMIT-NO-DAEMON': {
    text: 'No daemon accepts documents at {path}.',
    check:
      'Start the daemon (systemctl start sallyport), and check exposure_analytics.enabled. Then repeat the command.',
    class: 'system',
    retry: 'later',
  },
  'SUBMIT-UNKNOWN': {
    text: 'The connection to the daemon at {path} was lost before the response arrived: {reason:words}.',
    check: 'The documents may or may not have been accepted. If the vendor can handle duplicates, repeat the command.',
    class: 'system',
    retry: 'later',
  },
  'DOCUMENTS-INVALID': {
    text: 'Nothing in {what} was accepted, because {count} line{count:s} of the input cannot be accepted ({reason:words}).',
    check:
      'Correct these lines, then submit the input again. The input must be UTF-8, with one JSON object on each line.',
    class: 'content',
    retry: 'change',
  },
  'SPOOL-SHARE': {
    text: 'User {user} has reached the limit for the waiting documents of one user: {limit:size}, half of the space for waiting documents.',
    check: 'New files of this user wait until documents have been sent. Files of other users are accepted.',
    class: 'system',
    retry: 'later',
  },
  'DROP-DIRECTORY': {
    text: 'Cannot use the drop directory {path}: {reason:words}.',
    check:
      'Create it with systemd-tmpfiles. It and its folders must belong to the user of the service. Modes: 3770 for tmp and new, 2750 for the rest.',
    class: 'system',
    retry: 'change',
  },
  'BATCH-NO-RECEIPT': {
    text: '{url} did not confirm that the batch is stored: {reason:words}.',
    check:
      'The batch is kept and sent again. If this happens again, check exposure_analytics.url: a proxy or another server may be answering there.',
    class: 'http',
    retry: 'later',
  },
  'BATCH-CONFLICT': {
    text: '{url} already has different content under the ID of batch {batch}: {reason:words}.',
    check:
      'The batch is held. Ask the operator of this server which content it has under this ID. Then send the batch again (sallyport queue retry) or delete it (sallyport queue drop).',
    class: 'http',
    retry: 'change',
  },
  'DOCUMENTS-REJECTED': {
    text: 'The server rejected {count} document{count:s} of batch {batch}.',
    check:
      'The rejected documents are kept with their reasons. To see them, run sallyport queue show batch/{batch}. Report them to the authors of the program that submitted them.',
    class: 'content',
    retry: 'never',
  },
  // Telemetry (`uploads/telemetry`)
  'TELEMETRY-ANSWER': {
    text: 'The response from {url} is not that of an OpenTelemetry collector: {reason:words}.',
    check:
      'Check telemetry.url: a proxy or another server may be answering there. Leave out v1/metrics and v1/logs, which Sallyport adds.',
    class: 'http',
    retry: 'later',
  },
  // Redaction (`uploads/redaction`)
  'REDACTION-NOT-TEXT': {
    text: 'The content is not text: {reason:words}. Secrets in it would not be found.',
    check: 'The file is left out. If support needs it, write its content as text in UTF-8 to a file that is collected.',
    class: 'content',
    retry: 'never',
  },
  'REDACTION-RULE': {
    text: 'Rule {rule} of support_logs.redaction cannot be used: {reason:words}.',
    check: 'Nothing was collected. Correct the pattern of the rule, then run sallyport config check.',
    class: 'config',
    retry: 'change',
  },
  // Jobs of support logs (`uploads/bundle/jobs`)
  'JOB-UNKNOWN': {
    text: 'There is no job {job}.',
    check: 'To list the jobs of this host, run sallyport send-logs list.',
    class: 'content',
    retry: 'never',
  },
  'JOB-STATE': {
    text: 'Job {job} is {state}, but the command needs a job that is {wanted:words}.',
    check: 'To list the jobs of this host, run sallyport send-logs list.',
    class: 'content',
    retry: 'change',
  },
  'JOB-DIGEST': {
    text: 'The bundle of job {job} has the digest {sha256}, which is not the digest that was approved.',
    check: 'Nothing was sent. To see what the bundle contains, run sallyport send-logs show {job}.',
    class: 'content',
    retry: 'change',
  },
  'REQUEST-UNKNOWN': {
    text: 'No request {request} from the platform is waiting for a decision.',
    check:
      'To list the requests, run sallyport send-logs requests. A request without a decision is denied after 72 hours.',
    class: 'content',
    retry: 'never',
  },
  'BUNDLE-FOREIGN': {
    text: 'The file is not a bundle of support logs: {reason:words}. Nothing was sent.',
    check: 'Make a bundle with sallyport send-logs --output FILE, on any host.',
    class: 'content',
    retry: 'never',
  },
  'JOB-TOO-SOON': {
    text: 'Support logs that are scheduled, or requested by the platform, are sent at most once an hour. The next ones can be sent in {wait:ms}.',
    check: 'To send them now, run sallyport send-logs.',
    class: 'policy',
    retry: 'later',
  },
  'JOBS-FULL': {
    text: 'Too many jobs are waiting. Jobs: {count} (limit {limit}). Size: {bytes:size} (limit {limitBytes:size}). No new job was started.',
    check:
      'Wait until their uploads are done. To see the jobs, run sallyport send-logs list. To delete a bundle that is not waiting for its upload, run sallyport send-logs delete JOB.',
    class: 'system',
    retry: 'later',
  },
  'BUNDLE-HELD': {
    text: 'Bundle {job} is held, because a scanner blocked it.',
    check: 'Ask the team that runs the scanner to allow the bundle, then run sallyport queue retry.',
    class: 'policy',
    retry: 'change',
  },
  'BUNDLE-CHANGED': {
    text: 'The file of bundle {job} is missing, or has changed since it was packed. It was not sent.',
    check: 'Check the disk, then run sallyport send-logs again.',
    class: 'content',
    retry: 'never',
  },
  // Uploading one file (`uploads/transfer`)
  'UPLOAD-LOCATION': {
    text: '{url} created an upload, but its Location cannot be used: {reason:words}.',
    check: 'This is an error of the server. Report it to the administrator of {url}.',
    class: 'http',
    retry: 'later',
  },
  'UPLOAD-OFFSET': {
    text: 'The response from {url} about the upload cannot be used: {reason:words}.',
    check:
      'The upload is kept and continues later. If this happens again, a proxy may be answering instead of the server: check the logs of both.',
    class: 'http',
    retry: 'later',
  },
  'UPLOAD-GONE': {
    text: 'The server no longer has the upload at {url} ({status}).',
    check:
      'A new upload is started. If this happens again, the server discards uploads too early: report this to its operator.',
    class: 'http',
    retry: 'later',
  },
  'UPLOAD-LOCKED': {
    text: 'Another request still uses the upload at {url} (423).',
    check:
      'The server has probably not noticed yet that an earlier connection is lost. The upload continues by itself.',
    class: 'http',
    retry: 'later',
  },
  'UPLOAD-TOO-LARGE': {
    text: '{whose:words} answered 413: a request with {bytes:size} is too large.',
    check:
      'Sallyport tries smaller requests, down to 64 KiB. Ask the administrator of the proxy or server that answered to allow larger request bodies for {url}.',
    class: 'http',
    retry: 'later',
  },
  'UPLOAD-OTHER-BYTES': {
    text: 'The bytes at {url} differ from the bundle: {reason:words}.',
    check:
      'The bundle is uploaded once more. If this happens again, a proxy or the server is changing the content: compare the sha256 of the bundle on this host with that of the file on the server.',
    class: 'content',
    retry: 'never',
  },
  'UPLOAD-NO-RECEIPT': {
    text: '{url} did not confirm that the bundle is stored: {reason:words}.',
    check:
      'The bundle is kept, and its confirmation is requested again later. If this happens again, check support_logs.url: a proxy or another server may be answering there.',
    class: 'http',
    retry: 'later',
  },
  // The contents of a bundle (`uploads/bundle/contents`)
  'BUNDLE-SECRET': {
    text: 'Bundle {job} was not created: the final check found an unmasked secret in {name} ({rules:words}). Nothing was sent.',
    check:
      'This is a defect of the redaction. Remove the source of this file from support_logs.sources, and report the names of the rules.',
    class: 'content',
    retry: 'never',
    isLocal: true,
  },
  'BUNDLE-NOT-BUILT': {
    text: 'There is no complete bundle in {path}.',
    check: 'The bundle is still being made, or it was deleted. Run sallyport send-logs list to see the jobs.',
    class: 'system',
    retry: 'never',
  },
  'BUNDLE-NO-FILE': {
    text: 'The bundle has no file {name}.',
    check: 'Run sallyport send-logs show JOB to list its files.',
    class: 'system',
    retry: 'never',
  },
} as const satisfies Record<string, Entry>;
