// Loaded before the program by tests. The host has a fixed name and the routes in the file SENSOR_ROUTES, so that the
// screens are the same on every machine.

import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const { open } = promises;
const TABLES: Readonly<Record<string, string>> = {
  '/proc/net/route': process.env['SENSOR_ROUTES'] ?? '/dev/null',
  '/proc/net/ipv6_route': '/dev/null',
};

os.hostname = () => 'sensor-07.example';
promises.open = async (path, ...rest) => await open(TABLES[String(path)] ?? path, ...rest);
syncBuiltinESMExports();
