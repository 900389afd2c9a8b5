// The commands for vendors: serve a folder as an update server, and build its feed.

import type { Actions } from '#cli/program/program.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { untilAborted } from '#system/abort.ts';

/** The commands, under the names that the program calls. `stopping` ends the server. */
export function vendorActions(made: {
  readonly terminal: Terminal;
  readonly stopping: AbortSignal;
}): Pick<Actions, 'serve' | 'buildFeed'> {
  const { terminal, stopping } = made;
  return {
    serve: async (dir, options) => {
      const { startOrigin } = await import('#origin/server.ts');
      const origin = await startOrigin({
        dir,
        ...options,
        onAnswered: ({ method, target, status, bytes }) =>
          terminal.out(`${status ?? '-'} ${showForeign(method)} ${showForeign(target)} ${bytes} bytes`),
      });
      terminal.out(`Serving ${dir}.`);
      terminal.out(`  updates.feed_url: ${origin.feedUrl}`);
      terminal.out(`  updates.acknowledge_url: ${origin.acknowledgeUrl}`);
      terminal.out(`  exposure_analytics.url: ${origin.analyticsUrl}`);
      terminal.out(`  support_logs.url: ${origin.supportLogsUrl}`);
      terminal.out(`Documents are stored in ${origin.documentsFile}, bundles in ${origin.bundlesDir}.`);
      terminal.out('Ctrl-C stops it.');
      await untilAborted(stopping);
      await origin.close();
      return EXIT_OK;
    },
    buildFeed: async (dir, options) => {
      const builder = await import('#origin/feed-builder.ts');
      const built = await builder.buildFeed(dir, options);
      for (const warning of built.warnings) terminal.err(warning);
      const { serial, items, expires } = built.feed;
      const state = built.changed ? 'written' : 'already up to date';
      const updates = items.length === 1 ? 'update' : 'updates';
      terminal.out(`${built.path}: ${state}; serial ${serial}, ${items.length} ${updates}, expires ${expires}.`);
      return EXIT_OK;
    },
  };
}
