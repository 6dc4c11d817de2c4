// SPDX-License-Identifier: Apache-2.0
// Keeps the app on the phone, so that it starts without a network: then it says so, and shows what it knew.
'use strict';
const VERSION = 'dev'; // the bundle's hash, set when it is put together
const FILES = ['./', 'index.html', 'style.css', 'mqtt.min.js', 'words.js', 'memory.js', 'clock.js', 'ticker.js', 'link.js', 'bell.js', 'parts.js',
  'screens.js', 'requests.js', 'visits.js', 'curve.js', 'uplot.min.js', 'uplot.min.css', 'desk.js', 'app.js', 'wall.html', 'wall.js', 'manifest.webmanifest', 'icon.svg', 'icon-192.png', 'icon-512.png', 'icon-maskable.png'];
const CACHE = 'huying-' + VERSION;

self.addEventListener('install', function (event) {
  event.waitUntil(caches.open(CACHE).then(function (cache) {
    return cache.addAll(FILES.map(function (f) { return new Request(f, {cache: 'no-cache'}); }));
  }).then(function () { return self.skipWaiting(); }));
});

self.addEventListener('activate', function (event) {
  event.waitUntil(caches.keys().then(function (names) {
    return Promise.all(names.map(function (n) { return n !== CACHE && n.indexOf('huying-') === 0 ? caches.delete(n) : null; }));
  }).then(function () { return self.clients.claim(); }));
});

self.addEventListener('fetch', function (event) {
  const url = new URL(event.request.url);
  const scope = new URL(self.registration.scope);
  if (event.request.method !== 'GET' || url.origin !== scope.origin || url.pathname.indexOf(scope.pathname) !== 0)
    return;
  const name = url.pathname.slice(scope.pathname.length) || './';
  if (FILES.indexOf(name) < 0)
    return; // config.json, healthz: never from yesterday
  event.respondWith(caches.open(CACHE).then(function (cache) {
    return cache.match(name === './' ? './' : name).then(function (kept) { return kept || fetch(event.request); });
  }));
});

self.addEventListener('notificationclick', function (event) {
  const incident = event.notification.data && event.notification.data.incident;
  event.notification.close();
  event.waitUntil(self.clients.matchAll({type: 'window', includeUncontrolled: true}).then(function (list) {
    if (!list.length)
      return self.clients.openWindow('./');
    list[0].postMessage({incident: incident});
    return list[0].focus();
  }));
});
