// Section `exposure_analytics`: where exposure analytics are sent.

import { purposeSection } from './purpose-section.ts';

export const exposureAnalytics = purposeSection({
  name: 'exposure_analytics',
  title: 'Exposure analytics',
  sends: 'exposure analytics are sent to',
  enables: 'exposure analytics may be sent',
  traffic: 'exposure analytics',
  example: 'https://analytics.example.com/',
});
