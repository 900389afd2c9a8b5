// Section `retry`: how often a failed transfer is tried again, and the longest wait between attempts.

import { describeKey, section, wholeNumber } from './key.ts';

export const retry = section(
  {
    attempts: describeKey(wholeNumber(1, 100).default(5), {
      title: 'Attempts',
      description:
        'Number of attempts for a transfer in one round, including the first. Attempts that download new bytes do not count.',
      unit: 'attempts',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    max_delay_seconds: describeKey(wholeNumber(1, 604_800).default(21_600), {
      title: 'Longest delay between attempts',
      description: 'Longest wait between two attempts, even if a server asks for a longer one (Retry-After).',
      unit: 'seconds',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
  },
  'Retry',
  'How often a failed transfer is tried again, and how long Sallyport waits between attempts.',
);
