// Charts that move: up to two minutes wide, drawn by uPlot, in the colours of the page.
import uPlot from '/uplot.js';

const SPAN_S = 120;
const LEAST_SPAN_S = 10;
const MOST = SPAN_S * 5 + 10;
const all = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function shade(name) {
  return (chart) => {
    const fill = chart.ctx.createLinearGradient(0, chart.bbox.top, 0, chart.bbox.top + chart.bbox.height);
    fill.addColorStop(0, `${colour(name)}44`);
    fill.addColorStop(1, `${colour(name)}00`);
    return fill;
  };
}

/** A chart of one or more lines: `{ colour, label, isFilled, isStepped }` each. */
export class Chart {
  #place;
  #lines;
  #options;
  #data;
  #plot;

  constructor(place, lines, options = {}) {
    this.#place = place;
    this.#lines = lines;
    this.#options = options;
    this.#data = [[], ...lines.map(() => [])];
    this.draw();
    all.push(this);
    new ResizeObserver(() => this.#resize()).observe(place);
  }

  /** Builds the chart anew, in the colours of the theme. */
  draw() {
    this.#plot?.destroy();
    const { isBare } = this.#options;
    const axis = { stroke: colour('soft'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    const series = this.#lines.map((line) => ({
      label: line.label,
      stroke: colour(line.colour),
      width: isBare ? 1.5 : 2,
      fill: line.isFilled === false ? undefined : shade(line.colour),
      points: { show: false },
    }));
    this.#plot = new uPlot(
      {
        ...this.#size(),
        padding: isBare ? [4, 0, 0, 0] : [8, 8, 0, 0],
        cursor: { show: !isBare, points: { show: false }, y: false },
        legend: { show: false },
        scales: {
          x: { time: true },
          y: { range: (_, low, high) => this.#range(low, high) },
        },
        axes: [
          isBare ? { show: false } : { ...axis, values: (_, ticks) => ticks.map(ago), size: 26 },
          isBare ? { show: false } : { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString('en')) },
        ],
        series: [{}, ...series],
      },
      this.#data,
      this.#place,
    );
    this.#scroll();
  }

  push(at, values) {
    this.#data[0].push(at / 1_000);
    values.forEach((value, line) => this.#data[line + 1].push(value ?? null));
    if (this.#data[0].length > MOST) for (const column of this.#data) column.shift();
  }

  show() {
    this.#plot.setData(this.#data, false);
    this.#scroll();
  }

  #scroll() {
    const end = this.#data[0].at(-1) ?? Date.now() / 1_000;
    const from = Math.max(end - SPAN_S, Math.min(this.#data[0][0] ?? end, end - LEAST_SPAN_S));
    this.#plot.setScale('x', { min: from, max: end });
  }

  #range(low, high) {
    if (low === null || high === null) return [0, 1];
    const bottom = this.#options.isFree ? low : Math.min(low, 0);
    const room = Math.max((high - bottom) * 0.15, Math.abs(high) * 0.002, this.#options.least ?? 0.01);
    return [this.#options.isFree ? bottom - room : bottom, high + room];
  }

  #size() {
    const { width, height } = this.#place.getBoundingClientRect();
    return { width: Math.max(Math.floor(width), 40), height: Math.max(Math.floor(height), 20) };
  }

  #resize() {
    this.#plot.setSize(this.#size());
  }
}

function ago(tick) {
  return new Date(tick * 1_000).toLocaleTimeString('en-GB', { minute: '2-digit', second: '2-digit' });
}

/** Draws all charts anew, after the theme changed. */
export function redraw() {
  for (const chart of all) chart.draw();
}
