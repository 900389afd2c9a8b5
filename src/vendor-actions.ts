// The commands for vendors: serve a folder as an update server, build its feed, and sign it (`signing-actions.ts`).

import type { FeedActions } from '#cli/program/program-feed.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { untilAborted } from '#system/abort.ts';
import type { SigningHost } from './signing-host.ts';

/** The commands, under the names that the program calls. `host.stopping` ends the server. */
export function vendorActions(host: SigningHost): FeedActions {
  const { terminal, stopping } = host;
  const signing = async () => (await import('./signing-actions.ts')).signingActions(host);
  return {
    makeKey: async (name, options) => await (await signing()).makeKey(name, options),
    listKeys: async (options) => await (await signing()).listKeys(options),
    showKey: async (name, options) => await (await signing()).showKey(name, options),
    rotateKeys: async (options) => await (await signing()).rotateKeys(options),
    delegate: async (team, options) => await (await signing()).delegate(team, options),
    signFeed: async (draft, options) => await (await signing()).signFeed(draft, options),
    feedStatus: async (options) => await (await signing()).feedStatus(options),
    serve: async (dir, options) => {
      const { startOrigin } = await import('#origin/server.ts');
      const origin = await startOrigin({
        dir,
        ...options,
        onAnswered: ({ method, target, status, bytes }) =>
          terminal.out(`${status ?? '-'} ${showForeign(method)} ${showForeign(target)} ${bytes} bytes`),
      });
      terminal.out(`Serving ${dir}.`);
      if (origin.signed === null || origin.hasFeed) terminal.out(`  updates.feed_url: ${origin.feedUrl}`);
      if (origin.signed !== null) {
        terminal.out('  updates.trust: tuf');
        terminal.out(`  updates.tuf.metadata_url: ${origin.signed.metadataUrl}`);
        terminal.out(`  updates.tuf.targets_url: ${origin.signed.targetsUrl}`);
        terminal.out(`  updates.tuf.root_file: a copy of ${origin.signed.rootFile}`);
      }
      terminal.out(`  updates.acknowledge_url: ${origin.acknowledgeUrl}`);
      terminal.out(`  exposure_analytics.url: ${origin.analyticsUrl}`);
      terminal.out(`  support_logs.url: ${origin.supportLogsUrl}`);
      terminal.out(`Documents are stored in ${origin.documentsFile}, bundles in ${origin.bundlesDir}.`);
      terminal.out('Ctrl-C stops it.');
      await untilAborted(stopping);
      await origin.close();
      return EXIT_OK;
    },
    buildFeed: async (dir, { tuf, ...options }) => {
      if (tuf !== undefined) return await (await signing()).buildSigned(dir, { ...options, tuf });
      const builder = await import('#origin/feed-builder.ts');
      const built = await builder.buildFeed(dir, { expiresDays: options.expiresDays });
      for (const warning of built.warnings) terminal.err(warning);
      const { serial, items, expires } = built.feed;
      const state = built.changed ? 'written' : 'already up to date';
      const updates = items.length === 1 ? 'update' : 'updates';
      terminal.out(`${built.path}: ${state}; serial ${serial}, ${items.length} ${updates}, expires ${expires}.`);
      return EXIT_OK;
    },
  };
}
