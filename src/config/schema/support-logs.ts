// Section `support_logs`: where support logs are sent.

import { purposeSection } from './purpose-section.ts';

export const supportLogs = purposeSection({
  name: 'support_logs',
  title: 'Support logs',
  sends: 'support logs are sent to',
  enables: 'support logs may be sent',
  traffic: 'support logs',
  example: 'https://support.example.com/',
});
