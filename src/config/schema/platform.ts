// Section `platform`: the URL of the platform.

import { validatedText } from './key.ts';
import { purposeSection } from './purpose-section.ts';
import { validateUrlText } from './values.ts';

export const platform = purposeSection(
  {
    name: 'platform',
    title: 'Platform',
    sends: 'the link to the platform uses',
    enables: 'the link to the platform may be used',
    traffic: 'the platform',
    url: {
      schema: validatedText((text) => validateUrlText(text, ['https', 'wss'])).optional(),
      allowed: 'an https or wss URL without user, password and fragment',
      example: 'wss://platform.example.com/',
    },
    isPlanned: true,
  },
  {},
);
