// Lists what a person should look at, from the status and the requests of the platform: what happened, and what can be
// done. The most urgent comes first. Pure.

import type { Status } from '#control/status.ts';
import { failureText, timeText } from '#control/text/status-rows.ts';
import type { LogsJob, PlatformRequestRow } from '#control/uploads/send-logs.ts';
import { showForeign } from '#errors/template.ts';

export type AttentionAction =
  | { readonly kind: 'confirm' }
  | { readonly kind: 'retry-password'; readonly profile: string }
  | { readonly kind: 'decide'; readonly request: string }
  | { readonly kind: 'retry-queue'; readonly queue: string }
  | { readonly kind: 'open'; readonly page: string; readonly text: string }
  | { readonly kind: 'command'; readonly text: string };

export interface AttentionItem {
  readonly key: string;
  readonly tone: 'warning' | 'bad';
  readonly title: string;
  readonly text: string;
  /** RFC 3339; a countdown to it is shown. */
  readonly until?: string;
  readonly actions: readonly AttentionAction[];
}

export interface AttentionFacts {
  readonly status: Status;
  readonly requests: readonly PlatformRequestRow[];
  readonly jobs: readonly LogsJob[];
}

/** A queue that is fuller than this is shown. */
const FULL = 0.9;

export function attentionItems(facts: AttentionFacts): AttentionItem[] {
  const { status } = facts;
  return [
    ...configItems(status.config),
    ...pausedItems(status),
    ...credentialItems(status),
    ...requestItems(facts.requests),
    ...blockedItems(facts.jobs),
    ...queueItems(status),
    ...updateItems(status),
    ...expiryItems(status),
  ];
}

function configItems({ refused, held, trying, waiting, file }: Status['config']): AttentionItem[] {
  const items: AttentionItem[] = [];
  if (refused !== null) {
    const more = refused.count === 1 ? '' : ` Errors in total: ${refused.count}.`;
    items.push({
      key: 'refused',
      tone: 'bad',
      title: 'The configuration file was rejected',
      text: `The previous settings remain in effect.${more} ${refused.first}`,
      actions: [{ kind: 'command', text: `sallyport config check -c ${showForeign(file)}` }],
    });
  }
  if (held !== null) {
    items.push({
      key: 'held',
      tone: 'bad',
      title: `The file of ${timeText(held.since)} is not active`,
      text: `${failureText(held.failure)} The service applies it when all stages pass, or when you confirm it.`,
      actions: [{ kind: 'confirm' }],
    });
  }
  if (trying !== null) {
    const failed = trying.failure === null ? 'No stage has failed yet.' : failureText(trying.failure);
    items.push({
      key: 'trying',
      tone: trying.failure === null ? 'warning' : 'bad',
      title: `${showForeign(trying.by)} is testing new settings`,
      text: failed,
      until: trying.until,
      actions: [{ kind: 'confirm' }],
    });
  }
  if (waiting.length > 0) {
    items.push({
      key: 'restart',
      tone: 'warning',
      title: 'A restart is needed',
      text: `These keys take effect when the service restarts: ${waiting.map(showForeign).join(', ')}.`,
      actions: [{ kind: 'command', text: 'sudo systemctl restart sallyport' }],
    });
  }
  return items;
}

function pausedItems({ paused }: Status): AttentionItem[] {
  if (paused === null) return [];
  const text = `${failureText(paused.failure)} Next try ${timeText(paused.next_try)}.`;
  return [{ key: 'paused', tone: 'bad', title: 'Work is paused until the disk has space', text, actions: [] }];
}

const REASONS: Readonly<Record<Status['credentials'][number]['why'], string>> = {
  rejected:
    'The proxy rejected it. It is not sent again until you allow it, because further attempts could lock the account.',
  interrupted: 'The last login with it was interrupted, so it is unknown whether the proxy accepted it.',
  bound: 'It was entered for another proxy.',
};

function credentialItems({ credentials }: Status): AttentionItem[] {
  return credentials
    .filter(({ used }) => used)
    .map(({ proxy, user, why, next_try: next }) => ({
      key: `password ${proxy} ${user}`,
      tone: 'bad',
      title: `The password of ${showForeign(user)} for proxy ${showForeign(proxy)} is on hold`,
      text: `${REASONS[why]}${next === null ? '' : ` It is sent once at ${timeText(next)}.`}`,
      actions: [{ kind: 'retry-password', profile: proxy }],
    }));
}

function requestItems(requests: readonly PlatformRequestRow[]): AttentionItem[] {
  return requests
    .filter(({ state }) => state === 'waiting')
    .map(({ id, case: number, at, expires_at: expires }) => ({
      key: `request ${id}`,
      tone: 'warning',
      title: 'The platform requests support logs',
      text: `Request ${showForeign(id)} of ${timeText(at)}${number === null ? '' : `, case ${showForeign(number)}`}.${
        expires === null ? '' : ` Without a decision, it is denied at ${timeText(expires)}.`
      }`,
      actions: [{ kind: 'decide', request: id }],
    }));
}

/** A scanner of the proxy blocked the content of a bundle. */
function blockedItems(jobs: readonly LogsJob[]): AttentionItem[] {
  return jobs
    .filter(({ state }) => state === 'held')
    .map(({ job, failure }) => ({
      key: `blocked ${job}`,
      tone: 'bad',
      title: 'Support logs are held back',
      text: `${failure === null ? 'They are not sent again automatically.' : failureText(failure)}`,
      actions: [{ kind: 'open', page: 'logs', text: 'Open support logs' }],
    }));
}

function queueItems({ uploads }: Status): AttentionItem[] {
  return uploads.flatMap(({ title, queue }): AttentionItem[] => {
    if (queue === null) return [];
    const { waiting, quota, held, kind, unit } = queue;
    const share = Math.max(ratio(waiting.items, quota.items), ratio(waiting.bytes, quota.bytes));
    const items: AttentionItem[] = [];
    if (share >= FULL) {
      items.push({
        key: `full ${kind}`,
        tone: share >= 1 ? 'bad' : 'warning',
        title: `The queue of ${showForeign(title)} is ${Math.floor(share * 100)}% full`,
        text: `When it is full, it accepts no more ${unit}.`,
        actions: [{ kind: 'open', page: 'queue', text: 'Open the queue' }],
      });
    }
    if (held > 0) {
      items.push({
        key: `held ${kind}`,
        tone: 'warning',
        title: `${held} of ${showForeign(title)} ${held === 1 ? 'is' : 'are'} held`,
        text: 'Held entries are sent again only when you say so, or when the route changes.',
        actions: [
          { kind: 'retry-queue', queue: kind },
          { kind: 'open', page: 'queue', text: 'Open the queue' },
        ],
      });
    }
    return items;
  });
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

function updateItems({ updates, hook }: Status): AttentionItem[] {
  const failing = updates.failing.map(
    ({ id, failure }): AttentionItem => ({
      key: `failing ${id}`,
      tone: 'bad',
      title: `Update ${showForeign(id)} fails`,
      text: failureText(failure),
      actions: [{ kind: 'open', page: 'updates', text: 'Open updates' }],
    }),
  );
  const hooks = hook.failed.map(
    ({ id, ending }): AttentionItem => ({
      key: `hook ${id}`,
      tone: 'warning',
      title: `The hook failed for update ${showForeign(id)}`,
      text: `It ended with: ${showForeign(ending)}.`,
      actions: [{ kind: 'command', text: `sudo sallyport updates hook ${showForeign(id)}` }],
    }),
  );
  return [...failing, ...hooks];
}

function expiryItems({ trust, activation }: Status): AttentionItem[] {
  const items: AttentionItem[] = trust.warnings.map((warning) => ({
    key: `trust ${warning}`,
    tone: 'warning',
    title: 'Trust in updates',
    text: showForeign(warning),
    actions: [],
  }));
  if (trust.problem !== null) {
    items.push({ key: 'trust', tone: 'bad', title: 'Trust in updates', text: failureText(trust.problem), actions: [] });
  }
  if (activation.used && activation.state !== 'activated') {
    const word = activation.state === 'unactivated' ? 'not activated' : activation.state;
    items.push({
      key: 'activation',
      tone: 'warning',
      title: `This host is ${word}`,
      text: 'Enter an activation key, or install a license file.',
      actions: [{ kind: 'open', page: 'activation', text: 'Open activation' }],
    });
  }
  return items;
}
