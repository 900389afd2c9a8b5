// Validates hours of the week, such as `Mon-Fri 22:00-05:00`. Pure: returns null, or a sentence that says what to write.

import { readHours } from '#system/time/open-hours.ts';

export const HOURS_ALLOWED = 'hours such as 22:00-05:00 or Mon-Fri,Sun 08:00-18:00';

export function validateHours(text: string): string | null {
  if (readHours(text) !== null) return null;
  const times = /(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})$/.exec(text.trim());
  if (times !== null && times[1] === times[2])
    return 'These hours end when they begin. Write 00:00-24:00 for whole days.';
  return 'Write two times from 00:00 to 24:00, and the days before them if needed: 22:00-05:00, or Mon-Fri 22:00-05:00.';
}
