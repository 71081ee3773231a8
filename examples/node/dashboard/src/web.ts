/** The page, its data, and its buttons. */
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import type { Feed } from './feed.js';

const require = createRequire(import.meta.url);
const page = (name: string) => fileURLToPath(new URL(`../page/${name}`, import.meta.url));

/** Everything that is served, by its path. */
const FILES: Record<string, [file: string, type: string]> = {
  '/': [page('index.html'), 'text/html; charset=utf-8'],
  '/app.js': [page('app.js'), 'text/javascript; charset=utf-8'],
  '/charts.js': [page('charts.js'), 'text/javascript; charset=utf-8'],
  '/format.js': [page('format.js'), 'text/javascript; charset=utf-8'],
  '/style.css': [page('style.css'), 'text/css; charset=utf-8'],
  '/icon.svg': [page('icon.svg'), 'image/svg+xml'],
  '/uplot.js': [require.resolve('uplot/dist/uPlot.esm.js'), 'text/javascript; charset=utf-8'],
  '/uplot.css': [require.resolve('uplot/dist/uPlot.min.css'), 'text/css; charset=utf-8'],
};

/** What the page needs to know once. */
export interface About {
  asset: string;
  uri: string;
  flows: unknown;
}

/** Serves the page until it is closed. */
export function serve(about: About, feed: Feed, actions: Record<string, () => Promise<void>>): Server {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = FILES[pathname];
    const action = actions[pathname];
    if (request.method === 'GET' && file) {
      response.writeHead(200, { 'content-type': file[1], 'cache-control': 'no-store' });
      createReadStream(file[0]).pipe(response);
    } else if (request.method === 'GET' && pathname === '/about') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(about));
    } else if (request.method === 'GET' && pathname === '/live') {
      feed.add(response);
    } else if (request.method === 'POST' && action && request.headers['sec-fetch-site'] !== 'cross-site') {
      await action();
      response.writeHead(204).end();
    } else {
      response.writeHead(404).end();
    }
  };
  return createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
}
