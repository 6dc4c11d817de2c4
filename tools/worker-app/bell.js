// SPDX-License-Identifier: Apache-2.0
// To be heard and felt: siren, vibration, notification, and a screen that stays on.
//
// A browser lets a page sound only after a touch. So duty starts with a button, and after a reload, when the touch is
// forgotten, the page shows large that sound is off.
(function () {
  'use strict';
  const H = window.Huying;
  let context = null;
  let siren = null; // {level, timer, nodes}
  let silent_until = 0;
  let lock = null;
  let wanted = null; // wake lock wanted

  const bell = H.bell = {on_change: null};

  function changed() {
    if (bell.on_change)
      bell.on_change();
  }

  // In the handler of a touch.
  bell.unlock = function () {
    const Kind = window.AudioContext || window.webkitAudioContext;
    if (!Kind)
      return;
    if (!context) {
      context = new Kind();
      context.onstatechange = changed;
    }
    if (context.state !== 'running')
      context.resume().then(changed, changed);
  };
  bell.unlocked = function () {
    return Boolean(context && context.state === 'running');
  };
  // An attempt without a touch: where the browser lets installed apps sound.
  bell.try_unlock = function () {
    try { bell.unlock(); } catch (e) { /* then by a touch */ }
  };

  function tone(at, length, from, to) {
    const osc = context.createOscillator();
    const gain = context.createGain();
    osc.type = 'square';
    osc.frequency.setValueAtTime(from, at);
    osc.frequency.linearRampToValueAtTime(to, at + length);
    gain.gain.setValueAtTime(0.0001, at);
    gain.gain.exponentialRampToValueAtTime(0.9, at + 0.02);
    gain.gain.setValueAtTime(0.9, at + length - 0.03);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + length);
    osc.connect(gain);
    gain.connect(context.destination);
    osc.start(at);
    osc.stop(at + length);
    return osc;
  }

  // The field's signals differ by rhythm, not by pitch alone: fast and rising for the most urgent.
  const patterns = {
    1: {every: 1400, tones: [[0, 0.35, 660, 1320], [0.4, 0.35, 660, 1320], [0.8, 0.35, 660, 1320]], shake: [350, 60, 350, 60, 350]},
    2: {every: 2200, tones: [[0, 0.4, 880, 880], [0.5, 0.4, 660, 660]], shake: [400, 100, 400]},
    3: {every: 5000, tones: [[0, 0.25, 784, 784], [0.3, 0.25, 988, 988]], shake: [250]}
  };

  function sound(pattern) {
    if (bell.unlocked())
      pattern.tones.forEach(function (p) { tone(context.currentTime + p[0], p[1], p[2], p[3]); });
    if (navigator.vibrate)
      try { navigator.vibrate(pattern.shake); } catch (e) { /* not before a touch */ }
    bell.rung = (bell.rung || 0) + 1;
  }

  function silent() {
    return Date.now() < silent_until;
  }
  function step() {
    if (!silent())
      sound(patterns[siren.level]);
    siren.timer = setTimeout(step, patterns[siren.level].every);
  }

  // level 1 to 3: rings again and again; 0: is still.
  bell.ring = function (level) {
    if (level > 3)
      level = 3;
    if ((siren ? siren.level : 0) === level)
      return;
    if (siren) {
      clearTimeout(siren.timer);
      siren = null;
      if (navigator.vibrate && level === 0)
        try { navigator.vibrate(0); } catch (e) { /* nothing shakes */ }
    }
    if (level > 0) {
      siren = {level: level};
      step();
    }
    changed();
  };
  bell.ringing = function () {
    return Boolean(siren) && !silent();
  };
  bell.once = function (level) {
    sound(patterns[level || 3]);
  };
  // So that one can phone beside it. A new alert ends it.
  bell.silence = function (seconds) {
    silent_until = Date.now() + seconds * 1000;
    changed();
  };
  bell.silence_left = function () {
    return Math.max(0, (silent_until - Date.now()) / 1000);
  };

  // ---- notifications ----

  bell.ask = function () {
    if (!('Notification' in window) || Notification.permission !== 'default')
      return Promise.resolve();
    try {
      return Promise.resolve(Notification.requestPermission()).catch(function () {});
    } catch (e) { return Promise.resolve(); }
  };
  function worker() {
    return navigator.serviceWorker ? navigator.serviceWorker.getRegistration() : Promise.resolve(null);
  }
  bell.notify = function (alert, title, body) {
    if (!('Notification' in window) || Notification.permission !== 'granted')
      return;
    worker().then(function (registration) {
      if (registration)
        return registration.showNotification(title, {
          body: body, tag: 'incident-' + alert.incident, renotify: true, requireInteraction: alert.priority <= 2,
          icon: 'icon.svg', vibrate: [400, 100, 400, 100, 400], data: {incident: alert.incident}
        });
    }).catch(function () { /* the page rings all the same */ });
  };
  bell.unnotify = function (incident) {
    worker().then(function (registration) {
      return registration && registration.getNotifications ? registration.getNotifications({tag: 'incident-' + incident}) : [];
    }).then(function (list) { list.forEach(function (n) { n.close(); }); }).catch(function () {});
  };

  // ---- the screen ----

  bell.stay_awake = function (yes) {
    wanted = yes;
    if (!yes) {
      if (lock)
        lock.release().catch(function () {});
      lock = null;
    } else if ('wakeLock' in navigator && document.visibilityState === 'visible' && !lock)
      navigator.wakeLock.request('screen').then(function (got) {
        lock = got;
        lock.addEventListener('release', function () { lock = null; });
      }, function () { /* low battery, or not allowed: it still rings */ });
  };
  document.addEventListener('visibilitychange', function () {
    if (wanted && document.visibilityState === 'visible')
      bell.stay_awake(true);
  });
})();
