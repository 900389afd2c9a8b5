// A process that runs commands of the program, or sends requests to its sockets, one after another. It is for tests
// that need another user, a tracer, or a process to kill, but not a new process for each command. Each line of standard
// input is a command or a request, and each line of standard output is its result.

import { createInterface } from 'node:readline';
import type { FourPurposes } from './four-purposes.ts';
import { runHere } from './run-here.ts';
import { type SocketRequest, sendToSocket } from './socket-request.ts';

type Line = { args: string[]; environment: Record<string, string> } | SocketRequest | FourPurposes;

async function resultOf(line: Line): Promise<unknown> {
  if ('args' in line) return await runHere(line.args, line);
  if ('socket' in line) return await sendToSocket(line);
  const { reachForAll } = await import('./four-purposes.ts');
  return (await reachForAll(line)).results;
}

for await (const text of createInterface({ input: process.stdin })) {
  const result = await resultOf(JSON.parse(text) as Line);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
