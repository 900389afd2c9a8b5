// A process for tests: runs commands of the program, or sends requests to its sockets, one after another. It serves tests
// that need another user or a tracer around the program, but not a new process for each command. Each line of standard
// input is a command or a request, and each line of standard output is its result.

import { createInterface } from 'node:readline';
import { runHere } from './run-here.ts';
import { type SocketRequest, sendToSocket } from './socket-request.ts';

type Line = { args: string[]; environment: Record<string, string> } | SocketRequest;

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text) as Line;
  const result = 'args' in line ? await runHere(line.args, line) : await sendToSocket(line);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
