// Section `platform`: the URL of the platform, how this host stays connected to it, and what it reports.

import { z } from 'zod';
import { describeKey, validatedText, wholeNumber } from './key.ts';
import { purposeSection } from './purpose-section.ts';
import { validateUrlText } from './values.ts';

export const platform = purposeSection(
  {
    name: 'platform',
    title: 'Platform',
    sends: 'the link to the platform uses',
    enables: 'a link to the platform is kept. With false, no connection is opened',
    traffic: 'the platform',
    url: {
      schema: validatedText((text) => validateUrlText(text, ['wss', 'https', 'ws', 'http'])).optional(),
      allowed:
        'a wss or https URL without user, password and fragment; ws and http only for this host (127.0.0.0/8, ::1, localhost)',
      example: 'wss://platform.example.com/',
    },
  },
  {
    mode: describeKey(z.enum(['websocket', 'poll']).default('websocket'), {
      title: 'Mode',
      description:
        'How the link is kept. websocket: a WebSocket that stays open, and long polling while a proxy blocks WebSockets. poll: only long polling, so no connection stays open for longer than one request takes.',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    report: describeKey(z.enum(['none', 'basic', 'full']).default('none'), {
      title: 'Reports',
      description:
        'What this host reports about itself. basic: agent ID, version, and the last result of each purpose. full adds the sizes of the queues, the state of signed feeds, and response timeouts. No report names a host, user, proxy, path or URL. `sallyport platform preview` prints the next report.',
      effect: 'next_transfer',
      setBy: 'admin',
    }),
    ping_seconds: describeKey(wholeNumber(1, 600).default(25), {
      title: 'Ping interval',
      description:
        'Time between two pings on an open WebSocket. Set it below the idle limit of your proxy. If two pings get no answer, Sallyport opens a new connection.',
      unit: 'seconds',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
  },
);
