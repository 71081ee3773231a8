/** What this machine is doing, from /proc and from Node itself. */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { Flows, Stream } from 'siftstream';

/** What is streamed: the flows, with units for those who draw them. */
export const flows = {
  cpu: {
    user: { type: 'double', unit: '%', description: 'Time in programs' },
    system: { type: 'double', unit: '%', description: 'Time in the kernel' },
    iowait: { type: 'double', unit: '%', description: 'Time waiting for disks' },
    load: { type: 'double', unit: 'tasks', description: 'Load of the last minute' },
  },
  memory: {
    used: { type: 'double', unit: 'MiB', description: 'Memory in use' },
    cached: { type: 'double', unit: 'MiB', description: 'Page cache' },
    dirty: { type: 'double', unit: 'MiB', description: 'Waits to be written' },
  },
  network: {
    received: { type: 'double', unit: 'kB/s', description: 'All interfaces, in' },
    sent: { type: 'double', unit: 'kB/s', description: 'All interfaces, out' },
    context_switches: { type: 'double', unit: '1/s', description: 'Context switches' },
  },
  process: {
    rss: { type: 'double', unit: 'MiB', description: 'Memory of this process' },
    heap: { type: 'double', unit: 'MiB', description: 'JavaScript heap' },
    loop_delay: { type: 'double', unit: 'ms', description: 'Event loop delay, p99' },
    seq: { type: 'uint64', description: 'Number of the row' },
  },
} as const satisfies Flows;

/** Counters that only grow, read at one moment. */
interface Counters {
  at: number;
  cpu: number[];
  received: number;
  sent: number;
  switches: number;
}

/** Reads the machine `rate` times a second, and sends what it sees. */
export class Telemetry {
  readonly #rows;
  readonly #loop = monitorEventLoopDelay({ resolution: 5 });
  readonly #timer: NodeJS.Timeout;
  #before = readCounters();
  #rates = { user: 0, system: 0, iowait: 0, received: 0, sent: 0, switches: 0 };
  #seq = 0;

  constructor(stream: Stream, rate: number) {
    this.#rows = {
      cpu: stream.row('cpu'),
      memory: stream.row('memory'),
      network: stream.row('network'),
      process: stream.row('process'),
    };
    this.#loop.enable();
    this.#timer = setInterval(() => this.#send(), 1_000 / rate);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#loop.disable();
  }

  #send(): void {
    this.#measure();
    const now = BigInt(Date.now()) * 1_000_000n;
    const { user, system, iowait, received, sent, switches } = this.#rates;
    const { cpu, memory, network, process: own } = this.#rows;
    cpu.setAll([user, system, iowait, Number(read('/proc/loadavg').split(' ')[0])]).trySend(now);
    memory.setAll(memoryMiB()).trySend(now);
    network.setAll([received, sent, switches]).trySend(now);
    const { rss, heapUsed } = process.memoryUsage();
    const delay = this.#loop.percentile(99) / 1e6 || 0;
    own.setAll([rss / 2 ** 20, heapUsed / 2 ** 20, delay, this.#seq]).trySend(now);
    this.#seq += 1;
    if (this.#seq % 50 === 0) this.#loop.reset();
  }

  /** Rates are those of a quarter of a second: the kernel counts in steps of 10 ms. */
  #measure(): void {
    const now = readCounters();
    const elapsed = now.at - this.#before.at;
    if (elapsed < 250) return;
    const cpu = now.cpu.map((ticks, at) => ticks - (this.#before.cpu[at] ?? 0));
    const total = cpu.reduce((sum, ticks) => sum + ticks, 0) || 1;
    const share = (...places: number[]) => (100 * places.reduce((sum, at) => sum + (cpu[at] ?? 0), 0)) / total;
    const perSecond = (count: (from: Counters) => number) => ((count(now) - count(this.#before)) * 1_000) / elapsed;
    this.#rates = {
      user: share(0, 1),
      system: share(2, 5, 6),
      iowait: share(4),
      received: perSecond((from) => from.received) / 1_000,
      sent: perSecond((from) => from.sent) / 1_000,
      switches: perSecond((from) => from.switches),
    };
    this.#before = now;
  }
}

function read(path: string): string {
  return readFileSync(path, 'latin1');
}

function readCounters(): Counters {
  const stat = read('/proc/stat');
  const numbers = (line: string) => line.trim().split(/\s+/).slice(1).map(Number);
  const interfaces = read('/proc/net/dev').split('\n').slice(2).filter(Boolean);
  const sum = (column: number) =>
    interfaces.reduce((sum, line) => sum + Number(line.split(':')[1]?.trim().split(/\s+/)[column] ?? 0), 0);
  return {
    at: performance.now(),
    cpu: numbers(stat.slice(0, stat.indexOf('\n'))).slice(0, 8),
    received: sum(0),
    sent: sum(8),
    switches: Number(/^ctxt (\d+)/m.exec(stat)?.[1] ?? 0),
  };
}

function memoryMiB(): [used: number, cached: number, dirty: number] {
  const info = read('/proc/meminfo');
  const entry = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(info)?.[1] ?? 0) / 1_024;
  return [entry('MemTotal') - entry('MemAvailable'), entry('Cached'), entry('Dirty')];
}
