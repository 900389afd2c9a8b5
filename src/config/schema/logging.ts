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
    rotate_bytes: describeKey(wholeNumber(65_536, 10_737_418_240).default(10_485_760), {
      title: 'Size to rotate at',
      description: 'A log file that would grow beyond this is put aside as sallyport.log.1 and a new one is begun.',
      unit: 'bytes',
      effect: 'restart',
      setBy: 'admin',
    }),
    rotate_keep: describeKey(wholeNumber(1, 1_000).default(10), {
      title: 'Files to keep',
      description: 'How many log files that were put aside are kept.',
      unit: 'files',
      effect: 'restart',
      setBy: 'admin',
    }),
  },
  'Logging',
  'Where the log goes and how much of it is kept.',
);
