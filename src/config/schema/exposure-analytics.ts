// Section `exposure_analytics`: where documents of other programs are sent, how large their batches are, and how many
// documents may wait.

import { z } from 'zod';
import { describeKey, validatedText, wholeNumber } from './key.ts';
import { PATH_ALLOWED, path } from './leaves.ts';
import { interceptionKeys, purposeSection, uploadUrl } from './purpose-section.ts';
import { validateFieldName } from './upload-values.ts';

export const exposureAnalytics = purposeSection(
  {
    name: 'exposure_analytics',
    title: 'Exposure analytics',
    sends: 'exposure analytics are sent to',
    enables: 'exposure analytics are accepted from other programs and sent',
    traffic: 'exposure analytics',
    url: uploadUrl('https://analytics.example.com/batches'),
  },
  {
    ...interceptionKeys({ name: 'exposure_analytics', condition: 'Requires accept_readable: true.' }),
    accept_readable: describeKey(z.boolean().default(false), {
      title: 'Accept that documents are readable',
      description:
        'Confirms that a proxy of allow_interception_by may read the documents, because only TLS encrypts them.',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    batch_max_documents: describeKey(wholeNumber(1, 10_000).default(10_000), {
      title: 'Documents in a batch',
      description: 'Largest number of documents that one request sends.',
      unit: 'documents',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    batch_max_bytes: describeKey(wholeNumber(65_536, 8_388_608).default(4_194_304), {
      title: 'Bytes in a batch',
      description: 'Largest size of a batch before compression. A single larger document is sent alone.',
      unit: 'bytes',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    batch_max_age_seconds: describeKey(wholeNumber(1, 86_400).default(10), {
      title: 'Age of a batch',
      description:
        'Longest time between accepting the first document of a batch and sending the batch, even if the batch is small.',
      unit: 'seconds',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    spool_max_bytes: describeKey(wholeNumber(16_777_216, 1_099_511_627_776).default(1_073_741_824), {
      title: 'Largest spool',
      description:
        'Largest total size of the documents that wait to be sent. At this limit, Sallyport refuses new documents and deletes none.',
      unit: 'bytes',
      effect: 'now',
      setBy: 'admin',
    }),
    spool_max_documents: describeKey(wholeNumber(1_000, 100_000_000).default(1_000_000), {
      title: 'Documents in the spool',
      description:
        'Largest number of documents that wait to be sent. At this limit, Sallyport refuses new documents and deletes none.',
      unit: 'documents',
      effect: 'now',
      setBy: 'admin',
    }),
    fields: describeKey(z.array(validatedText(validateFieldName)).min(1).max(256).optional(), {
      title: 'Fields',
      description:
        'The only fields of a document that are sent; all others are removed before the document is stored. A nested field is written with dots.',
      allowed: 'a list of 1 to 256 names such as host.id',
      absent: 'whole documents are sent',
      example: ['asset.id', 'finding', 'severity'],
      effect: 'now',
      setBy: 'root',
    }),
    drop_dir: describeKey(path.optional(), {
      title: 'Drop directory',
      description:
        'Folder in which programs leave files with documents. A program writes a file to tmp/ and then renames it to new/. The folder must exist, belong to the user of the service and have mode 2750 (3770 for tmp and new).',
      allowed: PATH_ALLOWED,
      absent: 'no drop directory; documents are not accepted from files',
      example: '/var/spool/sallyport',
      effect: 'restart',
      setBy: 'root',
    }),
  },
);
