// Section `support_logs`: which support logs are sent, when and where they are sent, and what is masked in them.

import { z } from 'zod';
import { describeKey, validatedText, wholeNumber } from './key.ts';
import { interceptionKeys, purposeSection, uploadUrl } from './purpose-section.ts';
import {
  BUILT_IN_SOURCES,
  SOURCE_ALLOWED,
  validateDate,
  validateRecipient,
  validateRuleName,
  validateRulePattern,
  validateSource,
} from './upload-values.ts';
import { validateSchedule } from './values.ts';

const redactionRule = z.strictObject({
  name: describeKey(validatedText(validateRuleName), {
    title: 'Rule name',
    description: 'Name of the rule. The manifest of a bundle shows under this name how many values the rule masked.',
    allowed: 'at most 64 lowercase letters, digits and dashes, beginning with a letter',
    example: 'customer-key',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  pattern: describeKey(validatedText(validateRulePattern), {
    title: 'Pattern',
    description:
      'Regular expression in the syntax of RE2. Text that matches within one line is masked. If the expression has groups, only the text of the groups is masked.',
    allowed: '1 to 1,000 characters',
    example: '(?i)customer-key=(\\S+)',
    effect: 'next_transfer',
    setBy: 'root',
  }),
});

export const supportLogs = purposeSection(
  {
    name: 'support_logs',
    title: 'Support logs',
    sends: 'support logs are sent to',
    enables: 'support logs may be sent, by schedule, at the request of the platform or by a command',
    traffic: 'support logs',
    url: uploadUrl('https://support.example.com/files/'),
  },
  {
    ...interceptionKeys({
      name: 'support_logs',
      condition: 'Requires encrypt_to, so that only the holder of that key can read the logs.',
    }),
    protocol: describeKey(z.enum(['tus', 'put']).default('tus'), {
      title: 'Protocol',
      description:
        'How a bundle is uploaded. tus can resume an interrupted upload (tus 1.0). put sends the whole bundle in one request, for servers without tus.',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    schedule: describeKey(validatedText(validateSchedule).optional(), {
      title: 'Schedule',
      description: 'When to send support logs without a request: five cron fields, as in updates.schedule.',
      allowed: 'five cron fields',
      absent: 'support logs are sent only on request',
      example: '0 3 * * 0',
      effect: 'now',
      setBy: 'admin',
    }),
    jitter_seconds: describeKey(wholeNumber(0, 86_400).default(3_600), {
      title: 'Jitter',
      description: 'Largest delay that is added to the schedule. Each host has its own fixed delay.',
      unit: 'seconds',
      effect: 'now',
      setBy: 'operator',
    }),
    max_bytes: describeKey(wholeNumber(1_048_576, 2_147_483_648).default(268_435_456), {
      title: 'Largest bundle',
      description:
        'Largest size of the collected files of one bundle, before compression. Sallyport collects the newest files first. The manifest lists the files that were left out.',
      unit: 'bytes',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    keep_sent_days: describeKey(wholeNumber(0, 400).default(7), {
      title: 'Keep sent bundles',
      description:
        'How long a bundle stays on this host after the server has confirmed it. With 0, the bundle is deleted at once.',
      unit: 'days',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    sources: describeKey(
      z
        .array(validatedText(validateSource))
        .max(64)
        .default([...BUILT_IN_SOURCES]),
      {
        title: 'Sources',
        description:
          'What a bundle contains. Files and journals of other programs are collected only if they are listed here. Links are never followed, and credentials, keys and the state of Sallyport are never collected.',
        allowed: SOURCE_ALLOWED,
        example: ['log', 'journal', 'versions', '/var/log/example/*.log', 'journal:example.service'],
        effect: 'next_transfer',
        setBy: 'root',
      },
    ),
    redaction: describeKey(z.array(redactionRule).max(64).default([]), {
      title: 'Redaction rules',
      description:
        'Rules of your own, in addition to the built-in ones. The built-in rules always apply, and every secret of this configuration is always masked.',
      allowed: 'a list of rules, each with name and pattern',
      example: [{ name: 'customer-key', pattern: '(?i)customer-key=(\\S+)' }],
      effect: 'next_transfer',
      setBy: 'root',
    }),
    pseudonyms: describeKey(z.enum(['auto', 'always', 'never']).default('auto'), {
      title: 'Pseudonyms',
      description:
        'Whether names of hosts and users, and addresses, are replaced by pseudonyms that stay the same in all bundles of this host. auto replaces them in bundles that no person approved: those sent by schedule or at the request of the platform.',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    archive: describeKey(z.enum(['tar.zst', 'zip']).default('tar.zst'), {
      title: 'Archive',
      description: 'Format of a bundle. Choose zip if a scanner at your proxy must be able to unpack it.',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    encrypt_to: describeKey(z.array(validatedText(validateRecipient)).max(16).default([]), {
      title: 'Recipients',
      description:
        'Public keys of age (age-encryption.org). Only the owners of these keys can decrypt a bundle. A scanner at the proxy cannot read its content.',
      allowed: 'a list of at most 16 age recipients, each beginning with age1',
      example: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'],
      effect: 'next_transfer',
      setBy: 'root',
    }),
    on_platform_request: describeKey(z.enum(['deny', 'ask', 'allow']).default('deny'), {
      title: 'Requests of the platform',
      description:
        'What happens when the platform requests support logs. deny: Sallyport denies the request. ask: the request waits until an admin approves or denies it; after 72 hours, Sallyport denies it. allow: Sallyport sends the logs.',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    allow_until: describeKey(validatedText(validateDate).optional(), {
      title: 'Allow until',
      description:
        'Last day on which on_platform_request: allow applies, in time_zone. Later requests are handled as with ask.',
      allowed: 'a date such as 2027-01-31',
      absent: 'allow has no end',
      example: '2027-01-31',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
  },
);
