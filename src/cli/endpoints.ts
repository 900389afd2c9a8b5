// `sallyport endpoints`: what the settings need to reach, as a list for people, as JSON, or as an ACL of Squid. Starts
// nothing, asks nothing on the network.

import type { EndpointList } from '#control/endpoints.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { squidLines } from './endpoints-squid.ts';
import { endpointLines } from './endpoints-text.ts';
import { printJson } from './terminal/json.ts';
import type { Terminal } from './terminal/terminal.ts';

export type EndpointForm = 'text' | 'json' | 'squid';

/** Prints the list; exit status 0 whenever it could be told. */
export function endpointsCommand(list: EndpointList, terminal: Terminal, form: EndpointForm): number {
  if (form === 'json') printJson(terminal, list);
  else for (const line of form === 'squid' ? squidLines(list) : endpointLines(list)) terminal.out(line);
  return EXIT_OK;
}
