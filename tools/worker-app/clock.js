// SPDX-License-Identifier: Apache-2.0
// The gateway's time on a phone whose clock may be wrong.
//
// Whatever the gateway has written was written before it came here. So each "sent" is a lower bound of the gateway's
// time, and the highest of them, carried on by a clock that nobody sets, is the best guess that needs no trust in the
// phone. Until something fresh has come, the phone's own clock counts where it is ahead of that bound.
(function () {
  'use strict';
  const H = window.Huying;
  let bound = null; // gateway's seconds minus ours, at least
  let fresh = false;

  function steady() {
    return performance.now() / 1000;
  }
  H.clock = {
    // seconds: written by the gateway; live: just now, and not kept by the broker for who knows how long
    heard: function (seconds, live) {
      if (typeof seconds !== 'number' || !isFinite(seconds))
        return;
      const difference = seconds - steady();
      if (bound === null || difference > bound)
        bound = difference;
      fresh = fresh || Boolean(live);
    },
    now: function () {
      const own = Date.now() / 1000;
      if (bound === null)
        return own;
      const theirs = steady() + bound;
      return fresh ? theirs : Math.max(theirs, own);
    },
    // By how much the phone is wrong, in seconds; 0 when we cannot tell.
    skew: function () {
      return fresh ? Date.now() / 1000 - (steady() + bound) : 0;
    }
  };

  // Intervals that a page in the background keeps too (ticker.js); where there is no worker, those of the page.
  const jobs = {};
  let ticker = null;
  let next_job = 1;
  try {
    if (location.protocol !== 'file:') {
      ticker = new Worker('ticker.js');
      ticker.onmessage = function (event) { if (jobs[event.data]) jobs[event.data].run(); };
      ticker.onerror = function () { // it is not to be had: what waits goes on here
        ticker = null;
        Object.keys(jobs).forEach(function (id) { jobs[id].own = setInterval(jobs[id].run, jobs[id].ms); });
      };
    }
  } catch (e) { ticker = null; }
  H.every = {
    set: function (run, ms) {
      const id = next_job++;
      jobs[id] = {run: run, ms: ms, own: 0};
      if (ticker)
        ticker.postMessage({id: id, ms: ms});
      else
        jobs[id].own = setInterval(run, ms);
      return id;
    },
    clear: function (id) {
      if (!jobs[id])
        return;
      clearInterval(jobs[id].own);
      if (ticker)
        ticker.postMessage({id: id, ms: 0});
      delete jobs[id];
    }
  };

  // 75 → "1:15", 4000 → "1:06:40"; a screen reader reads H.spoken()
  H.span = function (seconds) {
    const s = Math.max(0, Math.floor(seconds));
    const two = function (n) { return (n < 10 ? '0' : '') + n; };
    if (s >= 86400)
      return Math.floor(s / 86400) + (H.english ? ' d ' : '天') + Math.floor(s % 86400 / 3600) + (H.english ? ' h' : '小时');
    if (s >= 3600)
      return Math.floor(s / 3600) + ':' + two(Math.floor(s % 3600 / 60)) + ':' + two(s % 60);
    return Math.floor(s / 60) + ':' + two(s % 60);
  };
  H.time = function (seconds, with_seconds) {
    const d = new Date(seconds * 1000);
    const two = function (n) { return (n < 10 ? '0' : '') + n; };
    return two(d.getHours()) + ':' + two(d.getMinutes()) + (with_seconds ? ':' + two(d.getSeconds()) : '');
  };
})();
