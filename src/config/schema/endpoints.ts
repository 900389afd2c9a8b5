// Section `endpoints`: the URLs that the purposes other than updates will use.

import { describeKey, judgedText, section } from './key.ts';
import { judgeUrlText } from './values.ts';

function endpoint(title: string, what: string, example: string) {
  return describeKey(judgedText((text) => judgeUrlText(text, ['https', 'wss'])).optional(), {
    title,
    description: `The URL that ${what}. So far only diagnosis and tests dial it.`,
    allowed: 'an https or wss URL without user and fragment',
    absent: 'the purpose shows as not configured',
    example,
    effect: 'next_transfer',
    setBy: 'root',
  });
}

export const endpoints = section(
  {
    support_logs: endpoint('Endpoint for support logs', 'support logs are sent to', 'https://support.example.com/'),
    exposure_analytics: endpoint(
      'Endpoint for exposure analytics',
      'exposure analytics are sent to',
      'https://analytics.example.com/',
    ),
    platform: endpoint('Endpoint of the platform', 'the link to the platform uses', 'wss://platform.example.com/'),
  },
  'Endpoints',
  'The URL that each purpose besides updates uses.',
);
