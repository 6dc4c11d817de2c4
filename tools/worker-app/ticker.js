// SPDX-License-Identifier: Apache-2.0
// A clock in a worker: a browser lets the timers of a page in the background fire once a minute, too seldom for the
// broker, which takes a phone that is silent for 30 s for dead. Those of a worker go on.
'use strict';
const running = {};

self.onmessage = function (event) {
  const id = event.data.id;
  if (event.data.ms)
    running[id] = setInterval(function () { self.postMessage(id); }, event.data.ms);
  else {
    clearInterval(running[id]);
    delete running[id];
  }
};
