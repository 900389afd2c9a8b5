// `sallyport endpoints`: the hosts that the settings need, as a list for people, as JSON, or as an ACL for Squid. It
// does not check for updates and sends nothing over the network.

import type { EndpointList } from '#control/endpoints.ts';
import { squidLines } from '#control/text/endpoints-squid.ts';
import { endpointLines } from '#control/text/endpoints-text.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { printJson } from './terminal/json.ts';
import type { Terminal } from './terminal/terminal.ts';

export type EndpointForm = 'text' | 'json' | 'squid';

/** Prints the list. The exit status is 0. */
export function endpointsCommand(list: EndpointList, terminal: Terminal, form: EndpointForm): number {
  if (form === 'json') printJson(terminal, list);
  else for (const line of form === 'squid' ? squidLines(list) : endpointLines(list)) terminal.out(line);
  return EXIT_OK;
}
