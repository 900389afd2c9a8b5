// The zone that every schedule is read in.

import { describeKey, validatedText } from './key.ts';
import { validateTimeZone } from './values.ts';

export const timeZone = describeKey(validatedText(validateTimeZone).optional(), {
  title: 'Time zone',
  description:
    'The zone that every schedule is read in. A time that a change to summer time skips is made up for at once; one that comes twice counts once.',
  allowed: 'a name of the IANA database such as Europe/Berlin, or UTC',
  absent: 'the zone of this host when the daemon starts',
  example: 'Europe/Berlin',
  effect: 'now',
  setBy: 'operator',
});
