// The health of the queues for `status --check`: how full each queue is, how old its oldest entry is, and which entries
// are held. Pure.

import { fillTemplate } from '#errors/template.ts';

const WARNING_SHARE = 0.8;
const CRITICAL_SHARE = 0.95;
const MAX_AGE_MS = 86_400_000;

/** One queue that is being sent. */
export interface QueueFacts {
  /** As `sallyport queue` names it. */
  readonly kind: string;
  readonly title: string;
  /** What is counted, in the plural. */
  readonly unit: string;
  readonly items: number;
  readonly bytes: number;
  readonly limit: { readonly items: number; readonly bytes: number };
  /** Age of the oldest entry in milliseconds; null when nothing waits. */
  readonly oldestMs: number | null;
  readonly held: number;
}

/** Sentences about the queues, by level; null where there is nothing to say. The fullest queue comes first. */
export function classifyQueues(queues: readonly QueueFacts[]): {
  readonly critical: string | null;
  readonly warning: string | null;
} {
  const byShare = queues.toSorted((one, other) => shareOf(other) - shareOf(one));
  const fullest = byShare[0];
  const full = fullest !== undefined && shareOf(fullest) > WARNING_SHARE ? fullness(fullest) : null;
  if (fullest !== undefined && full !== null && shareOf(fullest) > CRITICAL_SHARE) {
    return { critical: full, warning: null };
  }
  const old = queues.find(({ oldestMs }) => (oldestMs ?? 0) > MAX_AGE_MS);
  const held = queues.find((queue) => queue.held > 0);
  return { critical: null, warning: full ?? (held && heldText(held)) ?? (old && oldText(old)) ?? null };
}

/** The part of its quota that is used, of documents or of bytes, whichever is greater. */
function shareOf({ items, bytes, limit }: QueueFacts): number {
  return Math.max(items / Math.max(1, limit.items), bytes / Math.max(1, limit.bytes));
}

function fullness(queue: QueueFacts): string {
  const { items, bytes, limit, unit, title } = queue;
  // Not rounded up: 95 % must not be shown for 94.6 %.
  const percent = Math.floor(shareOf(queue) * 100);
  return fillTemplate(
    'The queue of {title:words} is {percent} % full ({items} of {most} {unit}, {bytes:size} of {limit:size}); a full queue refuses new ones. See sallyport queue ls.',
    { title, percent, items, most: limit.items, unit, bytes, limit: limit.bytes },
  );
}

function heldText({ title, held, kind }: QueueFacts): string {
  return fillTemplate('Held in the queue of {title:words}: {held}. See sallyport queue ls --kind {kind}.', {
    title,
    held,
    kind,
  });
}

function oldText({ title, oldestMs }: QueueFacts): string {
  return fillTemplate(
    'The oldest entry in the queue of {title:words} has been waiting for {age:ms}. See sallyport queue ls.',
    {
      title,
      age: oldestMs,
    },
  );
}
