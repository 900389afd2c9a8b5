// Section `updates`: where updates come from, when they are fetched, and how many are kept.

import { z } from 'zod';
import { HOURS_ALLOWED, validateHours } from '#config/values/hours.ts';
import { describeKey, section, validatedText, wholeNumber } from './key.ts';
import { PATH_ALLOWED, path } from './leaves.ts';
import { interceptionKeys, trustKeys } from './purpose-section.ts';
import { signedFeedKeys } from './updates-tuf.ts';
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
/** 1 TiB: larger than any package, and every byte count up to it is an exact number. */
const MAX_PACKAGE_BYTES = 1_099_511_627_776;

const onPublished = z.strictObject({
  command: describeKey(validatedText(validateAbsolutePath), {
    title: 'Command',
    description:
      'The program to run, without a shell. It runs only if no user except root and the service user can write to it or to any folder above it.',
    allowed: 'an absolute path',
    example: '/usr/bin/touch',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  arguments: describeKey(z.array(validatedText(validateArgument)).max(64).default([]), {
    title: 'Arguments',
    description:
      'Arguments that are passed to the command unchanged. Every user of this host can read them while the command runs.',
    allowed: 'a list of at most 64 texts',
    example: ['/var/lib/sallyport/wake'],
    effect: 'next_transfer',
    setBy: 'root',
  }),
});

const MAX_RATE = 1_000_000_000_000;
const MAX_RANGES = 32;
const hours = validatedText(validateHours);

const hoursList = z.array(hours).min(1).max(MAX_RANGES);
const HOURS_LIST_ALLOWED = `a list of 1 to ${MAX_RANGES} ${HOURS_ALLOWED}`;

const window = z.strictObject({
  download: describeKey(hoursList.optional(), {
    title: 'Hours of downloads',
    description:
      'When packages are downloaded, in time_zone. A download that is running when the hours end keeps its bytes, and continues when the hours begin again.',
    allowed: HOURS_LIST_ALLOWED,
    absent: 'at all times',
    example: ['Mon-Fri 20:00-06:00', 'Sat,Sun 00:00-24:00'],
    effect: 'now',
    setBy: 'operator',
  }),
  publish: describeKey(hoursList.optional(), {
    title: 'Hours of publications',
    description:
      'When verified packages are published, in time_zone. Outside these hours they stay ready. They are verified again before they are published.',
    allowed: HOURS_LIST_ALLOWED,
    absent: 'at all times',
    example: ['Sun 01:00-05:00'],
    effect: 'now',
    setBy: 'operator',
  }),
});

const bandwidth = z.strictObject({
  bytes_per_second: describeKey(wholeNumber(1_000, MAX_RATE).optional(), {
    title: 'Limit',
    description: 'Largest rate at which all packages together are downloaded, at times that by_time does not list.',
    unit: 'bytes per second',
    absent: 'no limit',
    example: 1_000_000,
    effect: 'now',
    setBy: 'operator',
  }),
  by_time: describeKey(
    z
      .array(
        z.strictObject({
          hours: describeKey(hours, {
            title: 'Hours',
            description: 'When this limit applies, in time_zone.',
            allowed: HOURS_ALLOWED,
            example: 'Mon-Fri 08:00-18:00',
            effect: 'now',
            setBy: 'operator',
          }),
          bytes_per_second: describeKey(wholeNumber(1_000, MAX_RATE).optional(), {
            title: 'Limit',
            description: 'Largest rate in these hours.',
            unit: 'bytes per second',
            absent: 'no limit in these hours',
            example: 250_000,
            effect: 'now',
            setBy: 'operator',
          }),
        }),
      )
      .max(MAX_RANGES)
      .default([]),
    {
      title: 'Limits by time',
      description: 'Other limits for some hours. The first entry whose hours include the current time applies.',
      allowed: `a list of at most ${MAX_RANGES} entries`,
      example: [{ hours: 'Mon-Fri 08:00-18:00', bytes_per_second: 250_000 }],
      effect: 'now',
      setBy: 'operator',
    },
  ),
});

export const updates = section(
  {
    feed_url: describeKey(httpUrl.optional(), {
      title: 'Feed URL',
      description:
        'The URL of the unsigned update feed. It is accepted over https, or over http from this host only. With trust: tuf it is only compared with the signed feed.',
      allowed: 'an https or http URL of at most 16,384 characters, without user, password and fragment',
      absent: 'without a signed feed, no updates are fetched; each check logs that',
      example: 'https://updates.example.com/feed.json',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    ...signedFeedKeys,
    acknowledge_url: describeKey(httpUrl.optional(), {
      title: 'Acknowledge URL',
      description:
        'The URL to which receipts are sent. After a change, receipts that are still waiting go to the new URL.',
      allowed: 'an https or http URL of at most 16,384 characters, without user, password and fragment',
      absent: 'receipts are stored next to the packages and not sent',
      example: 'https://updates.example.com/acknowledge',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    report_findings: describeKey(z.boolean().default(false), {
      title: 'Report findings',
      description:
        'Whether the receipt of an update that a scanner blocked includes what the scanner found. Nothing else from the block page is ever included.',
      allowed: 'true or false',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    schedule: describeKey(validatedText(validateSchedule).default('0 */6 * * *'), {
      title: 'Schedule',
      description:
        'When to check for updates: minute, hour, day of month, month, day of week, in time_zone. If both the day of month and the day of week are restricted, both must match.',
      allowed: 'five cron fields',
      effect: 'now',
      setBy: 'operator',
    }),
    jitter_seconds: describeKey(wholeNumber(0, 86_400).default(900), {
      title: 'Jitter',
      description:
        'Largest delay that is added to the schedule. Each host has its own fixed delay between 0 and this value, so that many hosts do not check at the same time.',
      unit: 'seconds',
      effect: 'now',
      setBy: 'operator',
    }),
    stale_after_hours: describeKey(wholeNumber(1, 8_760).default(72), {
      title: 'Stale after',
      description:
        'Longest time without a successful check for updates. After this time, an error is logged once a day and status --check reports critical.',
      unit: 'hours',
      effect: 'now',
      setBy: 'operator',
    }),
    bandwidth: describeKey(bandwidth.optional(), {
      title: 'Bandwidth',
      description:
        'Limits the rate of package downloads. Also applies to running downloads. Pauses that the limit causes do not count toward any timeout.',
      allowed: 'bytes_per_second, by_time or both',
      absent: 'no limit',
      effect: 'now',
      setBy: 'operator',
    }),
    window: describeKey(window.optional(), {
      title: 'Update window',
      description:
        'Hours for downloads and hours for publications. Checks of the feed, receipts and withdrawals do not wait for these hours.',
      allowed: 'download, publish or both',
      absent: 'at all times',
      effect: 'now',
      setBy: 'operator',
    }),
    parallel: describeKey(wholeNumber(1, 4).default(1), {
      title: 'Downloads at a time',
      description:
        'Number of packages that are downloaded at the same time, smallest first. An update is published only after those that it requires.',
      unit: 'packages',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    packages_dir: describeKey(path.optional(), {
      title: 'Packages folder',
      description:
        'Folder in which verified packages are published. Incomplete downloads are in its subfolder .staging.',
      allowed: PATH_ALLOWED,
      absent: 'packages in the state directory if Sallyport is installed, packages/ in a checkout',
      example: '/var/lib/sallyport/packages',
      effect: 'restart',
      setBy: 'root',
    }),
    keep_versions: describeKey(wholeNumber(1, 1_000).default(3), {
      title: 'Versions to keep',
      description: 'Number of versions of each package that stay published. Older versions are deleted.',
      unit: 'versions',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    max_package_bytes: describeKey(wholeNumber(1, MAX_PACKAGE_BYTES).default(8_589_934_592), {
      title: 'Largest package',
      description: 'Largest size of a package. A larger package is refused before any of it is downloaded.',
      unit: 'bytes',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    packages_max_bytes: describeKey(wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(), {
      title: 'Disk space for packages',
      description: 'Largest total size of all published packages. The oldest packages are deleted first.',
      unit: 'bytes',
      absent: 'the size of the disk is the only limit',
      example: 50_000_000_000,
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    reserve_bytes: describeKey(wholeNumber(0, Number.MAX_SAFE_INTEGER).default(268_435_456), {
      title: 'Free space to keep',
      description:
        'Disk space that packages must leave free for state, receipts and logs. A package that would use this space is downloaded only when there is enough space.',
      unit: 'bytes',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    ...trustKeys({ name: 'updates', origin: 'the feed', traffic: 'updates' }),
    ...interceptionKeys({
      name: 'updates',
      condition: 'Requires trust: tuf, so that only signed packages are published.',
    }),
    allowed_origins: describeKey(z.array(validatedText(validateOrigin)).max(64).default([]), {
      title: 'Allowed origins',
      description:
        'Origins, in addition to that of the feed, to which the feed or a redirect may point. They never receive tokens, headers or client certificates.',
      allowed: 'a list of at most 64 origins such as https://cdn.example.com',
      example: ['https://cdn.example.com'],
      effect: 'next_transfer',
      setBy: 'root',
    }),
    channel: describeKey(validatedText(validateWord).default('stable'), {
      title: 'Channel',
      description: 'Which updates to fetch: those of this channel, and those without a channel.',
      allowed: PROFILE_NAME_ALLOWED,
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    on_published: describeKey(onPublished.optional(), {
      title: 'Hook',
      description:
        'Command that runs after each update is published. If an update requires other updates, it runs for these first. Environment variables (SALLYPORT_*) describe the update. The command has the same rights as Sallyport. To start another service, let it touch a file that a systemd .path unit watches (PathChanged=/var/lib/sallyport/wake).',
      allowed: 'command and, if needed, arguments',
      absent: 'no command runs',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    hook_trust: describeKey(z.enum(['tls']).optional(), {
      title: 'Trust for the hook',
      description:
        'How the feed must be protected so that the hook runs. Without this key, the hook runs only for updates of a signed feed. With tls, it also runs for updates of an unsigned feed that is fetched over HTTPS. Then anyone who controls the server, or can decrypt the TLS connection, controls what the hook receives.',
      absent: 'the hook runs only for updates of a signed feed (trust: tuf)',
      example: 'tls',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    product_updates: describeKey(z.boolean().default(true), {
      title: 'Product updates',
      description: 'Whether to fetch updates of the product in addition to updates of its content.',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
  },
  'Updates',
  'Where updates come from, when they are fetched, and how many are kept.',
);
