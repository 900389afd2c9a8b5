// Documents of exposure analytics through a real Squid, over an outage of it.

import { expect, it } from 'vitest';
import { openAnalytics } from '#test/support/analytics-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { startSquid } from '#test/support/squid.ts';

const corp = (port: number) => ({
  proxies: [{ name: 'corp', address: '127.0.0.1', port, default: true }],
  retry: { max_delay_seconds: 1 },
});

describeWith(['squid'], 'documents through Squid', () => {
  it('squid: documents arrive once over an outage, and the log names the proxy', { timeout: 120_000 }, async () => {
    const first = await startSquid();
    const rig = await openAnalytics({ factor: 5, others: corp(first.port) });
    const named = (name: string) => rig.events.filter((event) => event.name === name);
    try {
      await rig.submit(1, 2);
      await rig.untilArrived(1, 2);
      await expect.poll(() => named('batches-sent')).toMatchObject([{ documents: 2, via: 'proxy corp' }]);
      expect(named('response-via')).toMatchObject([{ thread: 'Analytics', via: expect.stringContaining('squid') }]);
      await first.stop();
      await rig.submit(3);
      await expect.poll(() => named('batch-failed'), { timeout: 10_000 }).toHaveLength(1);
      const second = await startSquid();
      await rig.reload(rig.sections({}, corp(second.port)));
      await rig.untilArrived(1, 2, 3);
      expect(await second.accessLog(1, 'POST')).toHaveLength(1);
      await second.stop();
    } finally {
      await rig.close();
    }
  });
});
