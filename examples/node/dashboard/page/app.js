// The page: takes frames from the server and shows them.
import { Chart, redraw } from '/charts.js';
import { bytes, clock, count, duration, measured } from '/format.js';

const $ = (id) => document.getElementById(id);
const STATES = { live: 'live', degraded: 'degraded: kept on disk', catching_up: 'catching up' };
const TONES = {
  connected: 'good', caught_up: 'good', disk_recovered: 'good', checkpoint: 'news', recovered: 'news', flow_registered: 'news',
  disconnected: 'odd', checkpoint_failed: 'odd', disk_degraded: 'bad', rejected: 'bad', dropped: 'bad', gave_up: 'bad', quarantined: 'bad',
};
const COLOURS = { cpu: 'blue', memory: 'violet', network: 'green', process: 'amber' };

function theme(name) {
  document.documentElement.dataset.theme = name;
  redraw();
}
theme(matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', (media) => theme(media.matches ? 'dark' : 'light'));
$('theme').onclick = () => theme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');

const about = await (await fetch('/about')).json();
$('about').textContent = `${about.asset} → ${about.uri}`;

const throughput = new Chart($('chart-throughput'), [
  { label: 'accepted', colour: 'blue' },
  { label: 'confirmed', colour: 'green', isFilled: false },
]);
const backlog = new Chart($('chart-backlog'), [{ label: 'backlog', colour: 'amber' }], { least: 10 });
const spark = (name, colour, options) => new Chart(document.querySelector(`[data-spark=${name}]`), [{ colour }], { isBare: true, ...options });
const sparks = {
  rows: spark('rows', 'blue'),
  bytes: spark('bytes', 'violet'),
  backlog: spark('backlog', 'amber', { least: 10 }),
  disk: spark('disk', 'soft'),
};

/** One small chart a channel, by flow. */
const channels = {};
for (const [flow, names] of Object.entries(about.flows)) {
  const section = Object.assign(document.createElement('section'), { className: 'flow' });
  section.innerHTML = '<h3></h3><div class="channels"></div>';
  section.firstChild.textContent = flow;
  channels[flow] = {};
  for (const [name, channel] of Object.entries(names)) {
    const card = Object.assign(document.createElement('article'), { className: 'card channel', title: channel.description ?? name });
    card.innerHTML = '<h2><span></span><output></output></h2><div class="chart"></div>';
    card.querySelector('span').textContent = name.replaceAll('_', ' ');
    section.lastChild.append(card);
    channels[flow][name] = { card, unit: channel.unit ?? '', output: card.querySelector('output') };
  }
  $('flows').append(section);
  for (const channel of Object.values(channels[flow])) {
    const isFree = channel.unit === 'MiB' || channel.unit === '';
    channel.chart = new Chart(channel.card.querySelector('.chart'), [{ colour: COLOURS[flow] ?? 'blue' }], { isBare: true, isFree });
  }
}

function remember(frame) {
  throughput.push(frame.at, [frame.rates.accepted, frame.rates.confirmed]);
  backlog.push(frame.at, [frame.backlog]);
  sparks.rows.push(frame.at, [frame.rates.accepted]);
  sparks.bytes.push(frame.at, [frame.rates.bytes]);
  sparks.backlog.push(frame.at, [frame.backlog]);
  sparks.disk.push(frame.at, [frame.metrics.backupBytes]);
  for (const [flow, values] of Object.entries(frame.samples)) {
    for (const [name, value] of Object.entries(values)) channels[flow]?.[name]?.chart.push(frame.at, [value]);
  }
}

function leg(id, behind, isBroken) {
  $(`lag-${id}`).textContent = behind === 0 ? 'up to date' : `${count(behind)} behind`;
  $(`leg-${id}`).className = `leg ${isBroken ? 'broken' : behind > 0 ? 'behind' : ''}`;
}

function show(frame) {
  const { metrics, watermarks, state } = frame;
  document.body.dataset.state = state;
  $('state').textContent = STATES[state];
  $('switch').disabled = false;
  $('switch').textContent = frame.isCut ? 'Heal the connection' : 'Cut the connection';
  $('switch').className = frame.isCut ? 'heal' : '';

  for (const level of ['accepted', 'written', 'confirmed']) $(level).textContent = count(watermarks[level] ?? 0);
  leg('written', watermarks.accepted - watermarks.written, metrics.diskDegraded);
  leg('confirmed', Math.max(watermarks.written - watermarks.confirmed, 0), state === 'degraded');

  $('rows').textContent = count(frame.rates.accepted);
  const [rate, rateUnit] = bytes(frame.rates.bytes);
  $('bytes').textContent = rate;
  $('bytes-unit').textContent = `${rateUnit}/s`;
  $('backlog').textContent = count(frame.backlog);
  $('tile-backlog').classList.toggle('waiting', frame.backlog > 0);
  const [stored, storedUnit] = bytes(metrics.backupBytes);
  $('disk').textContent = stored;
  $('disk-unit').textContent = storedUnit;
  $('checkpoints').textContent = count(metrics.checkpoints);
  $('failed').textContent = count(metrics.checkpointsFailed);
  $('retries').textContent = count(metrics.retries);
  $('backoff').textContent = metrics.currentBackoffMs > 0 ? `next within ${duration(metrics.currentBackoffMs)}` : 'none waiting';

  $('depth-wire').value = metrics.ingestionChannelRows;
  $('depth-wire-text').textContent = count(metrics.ingestionChannelRows);
  $('depth-disk').value = metrics.backupChannelRows;
  $('depth-disk-text').textContent = count(metrics.backupChannelRows);
  $('reingested').textContent = count(metrics.rowsReingested);
  $('owed').textContent = count(metrics.rowsOwed);
  $('dropped').textContent = count(metrics.rowsDropped);
  $('received').textContent = count(frame.received);

  for (const [flow, values] of Object.entries(frame.samples)) {
    for (const [name, value] of Object.entries(values)) {
      const channel = channels[flow]?.[name];
      if (channel) channel.output.textContent = `${measured(value)} ${channel.unit}`;
    }
  }
  for (const chart of [throughput, backlog, ...Object.values(sparks)]) chart.show();
  for (const names of Object.values(channels)) for (const channel of Object.values(names)) channel.chart.show();
}

function log(event) {
  if (event.durationMs !== undefined) $('took').textContent = duration(event.durationMs);
  const item = document.createElement('li');
  item.innerHTML = '<time></time><em></em><span></span>';
  item.children[0].textContent = clock(event.at);
  item.children[1].textContent = event.name.replaceAll('_', ' ');
  item.children[1].className = TONES[event.name] ?? '';
  item.children[2].textContent = item.children[2].title = said(event);
  $('events').prepend(item);
  while ($('events').children.length > 100) $('events').lastChild.remove();
}

/** What an event says beside its name. */
function said(event) {
  if (event.name === 'checkpoint') return `${count(event.rows)} rows, after ${duration(event.durationMs)}`;
  return event.text.replace(/^[a-z_]+(: )?/, '');
}

$('switch').onclick = async () => {
  $('switch').disabled = true;
  await fetch($('switch').className === 'heal' ? '/heal' : '/cut', { method: 'POST' });
};

const live = new EventSource('/live');
live.addEventListener('history', (message) => {
  const { frames, events } = JSON.parse(message.data);
  $('events').replaceChildren();
  frames.forEach(remember);
  events.forEach(log);
});
live.onmessage = (message) => {
  const frame = JSON.parse(message.data);
  remember(frame);
  frame.events.forEach(log);
  show(frame);
};
live.onerror = () => {
  document.body.dataset.state = 'connecting';
  $('state').textContent = 'connecting';
};
