// Notifies the service manager: READY when the daemon accepts commands, RELOADING during a reload, STOPPING, watchdog
// messages, and one sentence for `systemctl status`. The sentence says what is running now. If nothing runs, it says
// how the last check ended and when the next one is due.
//
// Guarantees: a failure or delay here does not affect the daemon. The sentence is made from events, with secrets masked
// as in the log; the states are reported by calls. Without a service manager, nothing is loaded or sent.

import type { Parts } from '#daemon/parts.ts';
import type { ReloadWatch } from '#daemon/reload/reload.ts';
import type { EventName, Report, SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import { CHANGES_WAIT, updatedWait, type Wait, waitLine, waitOf } from '#logging/wait-line.ts';
import { systemClock, type Timer } from '#system/clock.ts';
import type { ServiceVariables } from '#system/process/environment.ts';
import { type Notifier, openNotifier, SILENT_NOTIFIER } from '#system/process/notify.ts';
import { startWatchdog } from './watchdog.ts';

/** Minimum interval between two reports of a wait or of download progress. */
const PROGRESS_EVERY_MS = 2_000;

/** The service manager as the daemon sees it. */
export interface Service {
  /** The daemon works: settings are active, commands are answered. */
  ready(): void;
  /** The shutdown has started. */
  stopping(): void;
  /** No keep-alive and no sentence after this. */
  close(): void;
}

/** Connects to the service manager, which then receives each reload and a sentence from the events. */
export async function openService(parts: Parts, { notifySocket, watchdogMs }: ServiceVariables): Promise<Service> {
  const { report, events, config } = parts;
  const notifier = await openFor(notifySocket, report);
  if (notifier === SILENT_NOTIFIER)
    return { ready: () => undefined, stopping: () => undefined, close: () => undefined };
  const listen = showService(notifier, parts);
  events.add(listen);
  config.watch(reportReloads(notifier));
  const watchdog =
    watchdogMs === null
      ? null
      : startWatchdog({
          notifier,
          limitMs: watchdogMs,
          clock: systemClock,
          mostOverdue: () => parts.clock.mostOverdue(),
          report,
        });
  return {
    ready: () => notifier.ready(),
    stopping: () => notifier.stopping(),
    close: () => {
      watchdog?.stop();
      events.delete(listen);
    },
  };
}

async function openFor(socket: string | null, report: Report): Promise<Notifier> {
  if (socket === null) return SILENT_NOTIFIER;
  return await openNotifier({ socket, onFailure: (error) => report({ name: 'notify-failed', error }) });
}

/** `systemctl reload` waits for READY, whatever the result of the reload. */
export function reportReloads(notifier: Notifier): ReloadWatch {
  return { began: () => notifier.reloading(), ended: () => notifier.ready() };
}

/** Converts events to sentences. */
export function showService(notifier: Pick<Notifier, 'status'>, parts: Pick<Parts, 'clock' | 'redactor'>): Report {
  const { clock, redactor } = parts;
  const sentenceOf = (event: SallyportEvent) => toRecord(event, clock.now(), redactor).message;
  const outcome = new Outcome();
  let refused = '';
  let overdue = '';
  let lastSentence = '';
  let shownAtMs = Number.NEGATIVE_INFINITY;
  const show = (sentence: string) => {
    lastSentence = sentence;
    shownAtMs = clock.monotonic();
    // What an admin must see first, in any state: rejected settings, and checks that do not succeed.
    notifier.status([refused, overdue, sentence].filter((part) => part !== '').join(' '));
  };
  const count = countingWaits(parts, show);
  return (event) => {
    count(event);
    switch (event.name) {
      case 'reloaded':
      case 'reload-unchanged':
      case 'reload-refused':
        refused = event.name === 'reload-refused' ? sentenceOf(event) : '';
        return show(lastSentence);
      case 'checks-overdue':
      case 'checks-recovered':
        overdue = event.name === 'checks-overdue' ? sentenceOf(event) : '';
        return show(lastSentence);
      case 'checking':
      case 'feed-read':
        outcome.forget();
        return show(sentenceOf(event));
      case 'downloading':
      case 'resuming':
        return show(sentenceOf(event));
      case 'progress':
        if (clock.monotonic() - shownAtMs >= PROGRESS_EVERY_MS) show(sentenceOf(event));
        return;
      case 'up-to-date':
      case 'check-failed':
      case 'disk-full':
        return show(outcome.keep(sentenceOf(event)));
      case 'download-failed':
        return show(outcome.keep(sentenceOf(event), event.id));
      case 'published':
        return outcome.published(event.id);
      case 'round-ended':
      case 'round-failed':
        return show(outcome.text === '' ? outcome.keep(sentenceOf(event)) : outcome.text);
      case 'next-try':
      case 'check-next-try':
      case 'next-round':
        return show([outcome.text, sentenceOf(event)].filter((part) => part !== '').join(' '));
      case 'stopping':
        return show(sentenceOf(event));
      default:
        return;
    }
  };
}

/** Repeats how long a package has been awaited, until its first byte or the end of the attempt. */
function countingWaits({ clock, redactor }: Pick<Parts, 'clock' | 'redactor'>, show: (line: string) => void): Report {
  let timer: Timer | null = null;
  let wait: Wait | null = null;
  return (event) => {
    if (wait !== null && CHANGES_WAIT.has(event.name)) {
      wait = updatedWait(wait, toRecord(event, clock.now(), redactor));
    }
    if (ENDS_WAIT.has(event.name)) {
      timer?.cancel();
      timer = null;
    }
    if (event.name !== 'waiting') return;
    const { fields } = toRecord(event, clock.now(), redactor);
    const sinceMs = clock.monotonic();
    const began = waitOf(fields);
    wait = began;
    const tick = () => {
      show(waitLine(wait ?? began, clock.monotonic() - sinceMs, MAX_WAIT_LINE));
      timer = clock.after(PROGRESS_EVERY_MS, tick);
    };
    tick();
  };
}

/** In characters; `systemctl status` does not shorten lines by itself. */
const MAX_WAIT_LINE = 200;
/** Events that end a wait: the first byte, the next attempt, or the end of the round or the daemon. */
const ENDS_WAIT: ReadonlySet<EventName> = new Set<EventName>([
  'waiting',
  'progress',
  'downloading',
  'resuming',
  'downloaded',
  'download-failed',
  'download-parked',
  'rerouted',
  'disk-full',
  'round-ended',
  'round-failed',
  'stopping',
  'stopped',
]);

/** The sentence about the result of the last check. */
class Outcome {
  text = '';
  #failed: unknown = null;

  /** With the update that failed, if there is one. */
  keep(sentence: string, failed: unknown = null): string {
    this.text = sentence;
    this.#failed = failed;
    return sentence;
  }

  /** A later attempt succeeded. If another update failed, that failure stays the result of the check. */
  published(id: unknown): void {
    if (this.#failed !== null && id === this.#failed) this.forget();
  }

  forget(): void {
    this.keep('');
  }
}
