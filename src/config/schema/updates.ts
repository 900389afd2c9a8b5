// Section `updates`: where updates come from, when, and what is kept of them.

import { z } from 'zod';
import { describeKey, section, validatedText, wholeNumber } from './key.ts';
import { PATH_ALLOWED, path } from './leaves.ts';
import { trustKeys } from './purpose-section.ts';
import {
  PROFILE_NAME_ALLOWED,
  validateAbsolutePath,
  validateArgument,
  validateOrigin,
  validateSchedule,
  validateUrlText,
  validateWord,
} from './values.ts';

const httpUrl = validatedText((text) => validateUrlText(text, ['https', 'http']));
/** 1 TiB: no package is larger, and every count of bytes up to it is exact. */
const MAX_PACKAGE_BYTES = 1_099_511_627_776;

const onPublished = z.strictObject({
  command: describeKey(validatedText(validateAbsolutePath), {
    title: 'Command',
    description:
      'The program itself, no shell. It is run only while nobody but root and this user can write it or any folder above it.',
    allowed: 'an absolute path',
    example: '/usr/bin/touch',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  arguments: describeKey(z.array(validatedText(validateArgument)).max(64).default([]), {
    title: 'Arguments',
    description: 'Given to the command as they are; everybody on this machine can read them while it runs.',
    allowed: 'a list of at most 64 texts',
    example: ['/var/lib/sallyport/wake'],
    effect: 'next_transfer',
    setBy: 'root',
  }),
});

export const updates = section(
  {
    feed_url: describeKey(httpUrl.optional(), {
      title: 'Feed URL',
      description:
        'Where the feed of updates is. An unsigned feed is taken over https, or over http from this machine only.',
      allowed: 'an https or http URL of at most 16,384 characters, without user and fragment',
      absent: 'no updates are fetched; a check says so',
      example: 'https://updates.example.com/feed.json',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    acknowledge_url: describeKey(httpUrl.optional(), {
      title: 'Acknowledge URL',
      description: 'Where receipts are sent. Receipts that wait are sent to the URL that is set when they are sent.',
      allowed: 'an https or http URL of at most 16,384 characters, without user and fragment',
      absent: 'receipts are kept beside the packages and not sent',
      example: 'https://updates.example.com/acknowledge',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    report_findings: describeKey(z.boolean().default(false), {
      title: 'Report findings',
      description:
        'Whether the receipt of an update that a scanner blocked includes what the scanner found. Nothing else from the page is ever included.',
      allowed: 'true or false',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    schedule: describeKey(validatedText(validateSchedule).default('0 */6 * * *'), {
      title: 'Schedule',
      description:
        'When to check for updates: minute, hour, day of month, month, day of week, in time_zone. Where both days are limited, both must fit.',
      allowed: 'five fields of cron',
      effect: 'now',
      setBy: 'operator',
    }),
    jitter_seconds: describeKey(wholeNumber(0, 86_400).default(900), {
      title: 'Jitter',
      description:
        'Each host adds its own fixed delay between 0 and this to the schedule, so that a fleet does not check all at once.',
      unit: 'seconds',
      effect: 'now',
      setBy: 'operator',
    }),
    stale_after_hours: describeKey(wholeNumber(1, 8_760).default(72), {
      title: 'Stale after',
      description:
        'Without a successful check for so long an error is logged once a day, and status --check turns critical.',
      unit: 'hours',
      effect: 'now',
      setBy: 'operator',
    }),
    packages_dir: describeKey(path.optional(), {
      title: 'Packages folder',
      description: 'Where verified packages are published. Staging is a folder inside it, on the same file system.',
      allowed: PATH_ALLOWED,
      absent: 'packages in the state directory where installed, packages/ in a checkout',
      example: '/var/lib/sallyport/packages',
      effect: 'restart',
      setBy: 'root',
    }),
    keep_versions: describeKey(wholeNumber(1, 1_000).default(3), {
      title: 'Versions to keep',
      description: 'How many versions of each package stay published; older ones are pruned.',
      unit: 'versions',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    max_package_bytes: describeKey(wholeNumber(1, MAX_PACKAGE_BYTES).default(8_589_934_592), {
      title: 'Largest package',
      description: 'A package that the feed says is larger is refused before anything of it is fetched.',
      unit: 'bytes',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    packages_max_bytes: describeKey(wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(), {
      title: 'Room for packages',
      description: 'All published packages together stay below this; the oldest are pruned first.',
      unit: 'bytes',
      absent: 'no limit but the disk',
      example: 50_000_000_000,
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    reserve_bytes: describeKey(wholeNumber(0, Number.MAX_SAFE_INTEGER).default(268_435_456), {
      title: 'Reserve',
      description:
        'So much of the disk stays free: a package that does not fit beside it waits until there is room. State, receipts and logs are written into it.',
      unit: 'bytes',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    ...trustKeys({ name: 'updates', origin: 'the feed', traffic: 'updates' }),
    allowed_origins: describeKey(z.array(validatedText(validateOrigin)).max(64).default([]), {
      title: 'Allowed origins',
      description:
        'Origins besides that of the feed that a feed or a redirect may lead to. They never get tokens, headers or certificates.',
      allowed: 'a list of at most 64 origins such as https://cdn.example.com',
      example: ['https://cdn.example.com'],
      effect: 'next_transfer',
      setBy: 'root',
    }),
    channel: describeKey(validatedText(validateWord).default('stable'), {
      title: 'Channel',
      description: 'Which updates are wanted: those of this channel, and those that name none.',
      allowed: PROFILE_NAME_ALLOWED,
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    on_published: describeKey(onPublished.optional(), {
      title: 'Hook',
      description:
        'Run once for each published update, required ones first, with the update in SALLYPORT_* variables. It has no more rights than Sallyport: to wake another service, let it touch a file that a systemd .path unit watches (PathChanged=/var/lib/sallyport/wake).',
      allowed: 'command and, where it takes some, arguments',
      absent: 'nothing is run',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    hook_trust: describeKey(z.enum(['tls']).optional(), {
      title: 'Trust for the hook',
      description:
        'What the hook is run for besides updates of a signed feed. With tls whoever holds the server, or may look into TLS on the way, decides what is handed to it.',
      absent: 'the hook is run for updates of a signed feed only, and no feed is signed yet',
      example: 'tls',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    product_updates: describeKey(z.boolean().default(true), {
      title: 'Product updates',
      description: 'Whether updates of the product are wanted besides those of its content.',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
  },
  'Updates',
  'Where updates come from, when they are fetched, and what is kept of them.',
);
