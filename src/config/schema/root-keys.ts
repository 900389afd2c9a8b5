// Keys outside of the sections: the time zone of every schedule, and the policy that forbids every upload.

import { z } from 'zod';
import { describeKey, validatedText } from './key.ts';
import { validateTimeZone } from './values.ts';

export const timeZone = describeKey(validatedText(validateTimeZone).optional(), {
  title: 'Time zone',
  description:
    'Time zone of every schedule. A time that is skipped when summer time begins is due at the moment of the change. A time that occurs twice when summer time ends is due only the first time.',
  allowed: 'a name from the IANA time zone database such as Europe/Berlin, or UTC',
  absent: 'the time zone of this host when the daemon starts',
  example: 'Europe/Berlin',
  effect: 'now',
  setBy: 'operator',
});

export const uploadsAllowed = describeKey(z.boolean().default(true), {
  title: 'Uploads allowed',
  description:
    'If false, no support logs, no exposure analytics and no telemetry leave this host, whatever other keys say (POLICY-UPLOADS). This key does not apply to receipts of updates, which are sent if updates.acknowledge_url is set.',
  effect: 'now',
  setBy: 'root',
});
