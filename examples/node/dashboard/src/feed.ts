/** What the page is told: a frame five times a second, and those of the last minutes when it is opened. */
import type { ServerResponse } from 'node:http';

import type { Metrics, Stream, StreamEvent, Watermarks } from 'siftstream';

const FRAMES_A_SECOND = 5;
/** Over so many seconds the rate of confirmations is even: Sift confirms in steps. */
const CHECKPOINTS_S = 4;
const REMEMBERED_FRAMES = 120 * FRAMES_A_SECOND;
const REMEMBERED_EVENTS = 100;

/** What the page shows as the state of things. */
export type State = 'live' | 'degraded' | 'catching_up';

/** One moment. */
export interface Frame {
  at: number;
  state: State;
  /** Whether the local server is cut off, by the button. */
  isCut: boolean;
  metrics: Metrics;
  watermarks: Watermarks;
  /** Rows accepted before the connection came back that Sift has not confirmed; all that are unconfirmed while it is gone. */
  backlog: number;
  /** Rows and bytes a second: over the last second, and what is confirmed over the last checkpoints. */
  rates: { accepted: number; confirmed: number; bytes: number };
  /** Rows that the server has received: it is the truth that the rest is compared with. */
  received: number;
  /** The newest value of each channel, by flow. */
  samples: Record<string, Record<string, number>>;
  events: StreamEvent[];
}

/** Watches a stream and tells all pages that are open. */
export class Feed {
  readonly #stream: Stream;
  readonly #received: () => number;
  readonly #pages = new Set<ServerResponse>();
  readonly #frames: Frame[] = [];
  readonly #events: StreamEvent[] = [];
  readonly #samples: Frame['samples'] = {};
  readonly #timer: NodeJS.Timeout;
  #fresh: StreamEvent[] = [];
  #isConnected = true;
  /** How many rows had been accepted when the connection came back. */
  #owed = 0;
  isCut = false;

  constructor(stream: Stream, flows: readonly string[], received: () => number) {
    this.#stream = stream;
    this.#received = received;
    stream.on('event', (event) => this.#hear(event));
    for (const flow of flows) void this.#look(flow);
    this.#timer = setInterval(() => this.#tell(), 1_000 / FRAMES_A_SECOND);
  }

  /** Keeps a page up to date until it is closed. */
  add(page: ServerResponse): void {
    page.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    // What is fresh comes with the next frame.
    const events = this.#events.slice(0, this.#events.length - this.#fresh.length);
    page.write(`event: history\ndata: ${json({ frames: this.#frames, events })}\n\n`);
    this.#pages.add(page);
    page.on('close', () => this.#pages.delete(page));
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const page of this.#pages) page.end();
  }

  #hear(event: StreamEvent): void {
    if (event.name === 'disconnected') this.#isConnected = false;
    if (event.name === 'connected' && !this.#isConnected) {
      this.#isConnected = true;
      this.#owed = this.#stream.watermarks().accepted;
    }
    this.#fresh.push(event);
    this.#events.push(event);
    if (this.#events.length > REMEMBERED_EVENTS) this.#events.shift();
  }

  /** A tap is a copy of some of the rows that are being sent anyway. */
  async #look(flow: string): Promise<void> {
    for await (const { values } of this.#stream.tap({ flow, hz: FRAMES_A_SECOND })) {
      this.#samples[flow] = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
    }
  }

  #tell(): void {
    const frame = this.#frame();
    this.#frames.push(frame);
    if (this.#frames.length > REMEMBERED_FRAMES) this.#frames.shift();
    const message = `data: ${json(frame)}\n\n`;
    for (const page of this.#pages) page.write(message);
  }

  #frame(): Frame {
    const [metrics, watermarks] = [this.#stream.metrics(), this.#stream.watermarks()];
    const confirmed = watermarks.confirmed ?? 0;
    const backlog = Math.max((this.#isConnected ? this.#owed : watermarks.accepted) - confirmed, 0);
    const state = !this.#isConnected ? 'degraded' : backlog > 0 ? 'catching_up' : 'live';
    const at = Date.now();
    const rate = (seconds: number, count: (metrics: Metrics) => number) => {
      const before = this.#frames.at(-seconds * FRAMES_A_SECOND) ?? this.#frames[0];
      return before ? ((count(metrics) - count(before.metrics)) * 1_000) / Math.max(at - before.at, 1) : 0;
    };
    const events = this.#fresh;
    this.#fresh = [];
    return {
      at,
      state,
      isCut: this.isCut,
      metrics,
      watermarks,
      backlog,
      rates: {
        accepted: rate(1, (metrics) => metrics.rowsAccepted),
        confirmed: rate(CHECKPOINTS_S, (metrics) => metrics.rowsConfirmed),
        bytes: rate(1, (metrics) => metrics.bytesAccepted),
      },
      received: this.#received(),
      samples: { ...this.#samples },
      events,
    };
  }
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, value) => (typeof value === 'bigint' ? Number(value) : value));
}
