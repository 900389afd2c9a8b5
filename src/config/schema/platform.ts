// Section `platform`: the URL of the platform.

import { purposeSection } from './purpose-section.ts';

export const platform = purposeSection({
  name: 'platform',
  title: 'Platform',
  sends: 'the link to the platform uses',
  enables: 'the link to the platform may be used',
  traffic: 'the platform',
  example: 'wss://platform.example.com/',
});
