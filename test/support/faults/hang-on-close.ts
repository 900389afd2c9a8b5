// Loaded before the program by tests: it never closes a connection, and the forced stop comes after a short time.

import { Socket } from 'node:net';
import './soon.ts';

Socket.prototype.destroy = function destroy() {
  return this;
};
