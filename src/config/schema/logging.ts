// Section `logging`: where the log is written and how much of it is kept.

import { z } from 'zod';
import { describeKey, section, wholeNumber } from './key.ts';
import { PATH_ALLOWED, path } from './leaves.ts';

export const logging = section(
  {
    dir: describeKey(path.optional(), {
      title: 'Log folder',
      description: 'Folder in which sallyport.log is written.',
      allowed: PATH_ALLOWED,
      absent: 'the log directory of the service if Sallyport is installed, logs/ in a checkout',
      example: '/var/log/sallyport',
      effect: 'restart',
      setBy: 'root',
    }),
    level: describeKey(z.enum(['debug', 'info', 'warn', 'error']).default('info'), {
      title: 'Log level',
      description: 'Lowest level that is logged. At info, the log shows the steps of each update.',
      effect: 'now',
      setBy: 'operator',
    }),
    stdout: describeKey(z.enum(['text', 'json', 'auto']).default('auto'), {
      title: 'Format on stdout',
      description:
        'Format of the log lines that `run` prints. text: the same lines as in the log file. json: one JSON object per line. auto: lines without a timestamp in the systemd journal, otherwise text.',
      effect: 'restart',
      setBy: 'admin',
    }),
    rotation: describeKey(z.enum(['internal', 'external']).default('internal'), {
      title: 'Log rotation',
      description:
        'internal: Sallyport rotates the log file by size. external: logrotate or a similar tool rotates it, and then sends SIGUSR2 so that the daemon opens a new file.',
      effect: 'restart',
      setBy: 'admin',
    }),
    rotate_bytes: describeKey(wholeNumber(65_536, 10_737_418_240).default(10_485_760), {
      title: 'Rotation size',
      description:
        'Maximum size of the log file. Before the file exceeds it, it is renamed to sallyport.log.1, and a new file is started. Used only with rotation: internal.',
      unit: 'bytes',
      effect: 'restart',
      setBy: 'admin',
    }),
    rotate_keep: describeKey(wholeNumber(1, 1_000).default(10), {
      title: 'Rotated files to keep',
      description: 'Number of rotated log files to keep. Used only with rotation: internal.',
      unit: 'files',
      effect: 'restart',
      setBy: 'admin',
    }),
  },
  'Logging',
  'Where the log is written and how much of it is kept.',
);
