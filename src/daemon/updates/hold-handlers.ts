// Answers the requests of `sallyport updates hold`, `release` and `publish`. Secrets are masked in every response.

import type { Verbs } from '#control/control.ts';
import type { HOLD_VERBS } from '#control/updates/hold.ts';
import type { HandlersOf } from '#control/verb.ts';
import type { Agent } from '#daemon/agent.ts';
import type { Parts } from '#daemon/parts.ts';
import { coded } from '#errors/coded-error.ts';
import { redactDeep } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';
import { wasPublishedHere } from '#updates/feed/decide.ts';
import { checkUntil, type Hold } from '#updates/hold/hold.ts';
import { Publisher } from '#updates/package/publisher.ts';
import { findReady, listReady, publishReady } from '#updates/package/ready.ts';
import { holdRow, readyRow } from './hold-rows.ts';
import { requesterOf } from './requester.ts';

/** The verbs of this file. */
type HoldVerbs = Pick<Verbs, keyof typeof HOLD_VERBS>;

export function holdHandlers(agent: Agent, parts: Parts): HandlersOf<HoldVerbs> {
  const { redactor, ports, clock, report, mode } = parts;
  const { hold } = ports;
  return {
    holdUpdates: async ({ request, ...caller }) => {
      const now = clock.now();
      const until = Date.parse(request.until);
      const refused = checkUntil(until, now);
      if (refused !== null) throw refused;
      const by = await requesterOf(parts, caller);
      const replaced = hold.current(now);
      const next: Hold = { until, since: now, reason: redactor.redact(request.reason), ...by };
      await hold.set(next);
      report({ name: 'hold-set', at: until, by: next.by, reason: next.reason });
      return redactDeep({ hold: holdRow(next), replaced: replaced && holdRow(replaced) }, redactor);
    },
    releaseUpdates: async (caller) => {
      const { by } = await requesterOf(parts, caller);
      const released = await hold.release(clock.now());
      if (released !== null) {
        const { until, by: who, reason } = released;
        report({ name: 'hold-released', at: until, by, who, reason });
      }
      const ready = await listReady(ports);
      const isDue = mode === 'daemon' && ready.length > 0;
      // The round reads the feed first: what the vendor withdrew meanwhile is not published.
      if (isDue) void agent.publishHeld().catch(() => undefined);
      const opensAt = ports.windows.closedUntil('publish');
      const answer = {
        released: released && holdRow(released),
        ready: ready.map(readyRow),
        publishing: isDue && opensAt === null,
        opens_at: opensAt === null ? null : utcTime(opensAt),
      };
      return redactDeep(answer, redactor);
    },
    checkNow: async ({ onEvent, signal, ...caller }) => {
      const { by } = await requesterOf(parts, caller);
      return await agent.check(onEvent, signal, () => {
        if (ports.settings().updates.window !== undefined) report({ name: 'window-ignored', by });
        return 'now';
      });
    },
    publishUpdate: async ({ request: id, onEvent, signal, ...caller }) => {
      const { by } = await requesterOf(parts, caller);
      const already = await agent.exclusively('publishing an update', { onEvent, signal }, (ending) =>
        publishOne(parts, { id, by }, ending),
      );
      // The receipt need not wait for the next round. After the command has ended, no process would run the hook.
      if (mode === 'daemon') void agent.sendReceipts().catch(() => undefined);
      else await agent.hooksSettled();
      return redactDeep({ id, path: ports.store.jarPath(id), already }, redactor);
    },
  };
}

/** Publishes a ready package. Returns whether it was published already. */
async function publishOne(
  { ports }: Parts,
  { id, by }: { readonly id: string; readonly by: string },
  signal: AbortSignal,
): Promise<boolean> {
  const ready = await findReady(ports, id);
  if (ready === null) {
    const isPublished = ports.memory.id(id)?.fate === 'published' && (await ports.store.find(id)) !== null;
    if (isPublished) return true;
    throw coded('UPDATE-NOT-READY', { id, reason: 'no complete, verified download of it is here' });
  }
  if (ports.settings().updates.trust === 'tuf' && ready.note.trust !== 'signed') {
    const reason =
      'it is from an unsigned feed, and updates.trust is tuf now; sallyport check looks for it in the signed one';
    throw coded('UPDATE-NOT-READY', { id, reason });
  }
  const requires = ready.item.requires.find((other) => !wasPublishedHere(ports.memory.id(other)?.fate));
  if (requires !== undefined) throw coded('UPDATE-REQUIRES', { id, requires });
  const held = ports.hold.current(ports.clock.now());
  const opens = ports.windows.closedUntil('publish');
  if (held !== null) ports.report({ name: 'publish-requested', id, by, at: held.until });
  else if (opens !== null) ports.report({ name: 'publish-outside-window', id, by, at: opens });
  await publishReady(ports, ready, { publisher: new Publisher(ports, () => null), signal });
  return false;
}
