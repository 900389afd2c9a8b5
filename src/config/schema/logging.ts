// Section `logging`: where the log goes and how much of it is kept.

import { z } from 'zod';
import { describeKey, section, wholeNumber } from './key.ts';
import { PATH_ALLOWED, path } from './leaves.ts';

export const logging = section(
  {
    dir: describeKey(path.optional(), {
      title: 'Log folder',
      description: 'Where sallyport.log is written.',
      allowed: PATH_ALLOWED,
      absent: 'the log directory of the service where installed, logs/ in a checkout',
      example: '/var/log/sallyport',
      effect: 'restart',
      setBy: 'root',
    }),
    level: describeKey(z.enum(['debug', 'info', 'warn', 'error']).default('info'), {
      title: 'Level',
      description: 'The least that is written. info tells the story of each update.',
      effect: 'now',
      setBy: 'operator',
    }),
    stdout: describeKey(z.enum(['text', 'json', 'auto']).default('auto'), {
      title: 'Lines on stdout',
      description:
        "What `run` prints. text: the lines of the log file. json: one JSON object a line. auto: what fits the place; in systemd's journal lines without a time of their own, elsewhere text.",
      effect: 'restart',
      setBy: 'admin',
    }),
    rotation: describeKey(z.enum(['internal', 'external']).default('internal'), {
      title: 'Who rotates',
      description:
        'internal: Sallyport puts the log file aside by its size. external: it never does; logrotate or the like does, and sends SIGUSR2 after it.',
      effect: 'restart',
      setBy: 'admin',
    }),
    rotate_bytes: describeKey(wholeNumber(65_536, 10_737_418_240).default(10_485_760), {
      title: 'Size to rotate at',
      description:
        'A log file that would grow beyond this is put aside as sallyport.log.1 and a new one is begun; with rotation: internal.',
      unit: 'bytes',
      effect: 'restart',
      setBy: 'admin',
    }),
    rotate_keep: describeKey(wholeNumber(1, 1_000).default(10), {
      title: 'Files to keep',
      description: 'How many log files that were put aside are kept; with rotation: internal.',
      unit: 'files',
      effect: 'restart',
      setBy: 'admin',
    }),
  },
  'Logging',
  'Where the log goes and how much of it is kept.',
);
