// Section `retry`: how often and how patiently a failed transfer is tried again.

import { describeKey, section, wholeNumber } from './key.ts';

export const retry = section(
  {
    attempts: describeKey(wholeNumber(1, 100).default(5), {
      title: 'Attempts',
      description:
        'How often a transfer is tried in one round, including the first time. Attempts that download new bytes do not count.',
      unit: 'attempts',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    max_delay_seconds: describeKey(wholeNumber(1, 604_800).default(21_600), {
      title: 'Longest delay',
      description: 'The longest wait between two attempts, whatever a server asks for.',
      unit: 'seconds',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
  },
  'Retry',
  'How often and how patiently a failed transfer is tried again.',
);
