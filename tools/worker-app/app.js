// SPDX-License-Identifier: Apache-2.0
// What the phone knows and does: alerts in, receipts and actions out, when to ring, which screen.
(function () {
  'use strict';
  const H = window.Huying;
  const t = H.t;
  const app = H.app = {
    account: null, // {user, token, site, broker, name, role, desk_phone, board}
    duty: false,
    alerts: {}, // by incident, the newest of each
    steps: {}, // by incident: what this phone has heard of it
    log: [], // of today
    board: null,
    day: null, // what the gateway says of this worker's day: visit, beds, register
    curves: {}, // by incident: vitals that were asked for
    records: {}, // by incident: the gateway's timeline that was asked for
    screen: 'list',
    incident: 0,
    test: null, // {began, reply}
    eta: 5,
    taker: '',
    synced: false
  };
  let told = {}; // incident → {delivered, seen, rung}: what was said and rung for which version
  let touched = 0;
  let drawn = '';
  let reload_wanted = false;
  let pressing = 0; // a timer while a finger is down
  let render_wanted = false;

  app.list = function () {
    return Object.keys(app.alerts).map(function (k) { return app.alerts[k]; });
  };
  app.is_desk = function () {
    return Boolean(app.account && app.account.role === 'desk');
  };
  app.stale = function () {
    return H.link.state !== 'online' || !app.synced;
  };

  // ---- who am I ----

  function default_broker() {
    return location.protocol === 'https:' ? 'wss://' + location.host + '/mqtt' : 'ws://' + location.hostname + ':9001/mqtt';
  }

  // "#u=w01&t=token&s=demo&b=wss://…&n=name&r=desk&p=phone of the desk": what the QR code holds. False: it is none.
  app.enrol = function (hash) {
    const of = {};
    String(hash).replace(/^#/, '').trim().split('&').forEach(function (pair) {
      const at = pair.indexOf('=');
      if (at > 0)
        try { of[pair.slice(0, at)] = decodeURIComponent(pair.slice(at + 1).replace(/\+/g, '%20')); } catch (e) { /* not ours */ }
    });
    if (!of.u || !/^[^/+#\s"\\]{1,63}$/.test(of.u) || of.b && !/^wss?:\/\/[^\s]+$/.test(of.b) || of.s && !/^[^/+#\s"\\]{1,63}$/.test(of.s))
      return false;
    const account = {user: of.u, token: of.t || '', site: of.s || '', broker: of.b || '', name: of.n || '', role: of.r || '', desk_phone: of.p || ''};
    Promise.resolve(app.account ? forget() : null).then(config).then(function (c) {
      account.site = account.site || c.site || 'demo';
      account.broker = account.broker || c.broker || default_broker();
      account.board = account.role === 'desk';
      app.account = account;
      return H.memory.put('keep', 'account', account);
    }).then(function () { app.go('list', true); H.render(); });
    return true;
  };

  // Tells where the broker is, and what time it is. Absent when the app is served by something else.
  function config() {
    if (location.protocol === 'file:')
      return Promise.resolve({});
    return fetch('config.json', {cache: 'no-store'}).then(function (r) { return r.ok ? r.json() : {}; }).then(function (c) {
      H.clock.heard(c.now, true);
      return c;
    }).catch(function () { return {}; });
  }

  function forget() {
    H.link.forget_actions();
    return H.link.leave().then(H.memory.forget).then(function () {
      app.alerts = {};
      app.steps = {};
      app.log = [];
      app.duty = false;
      app.board = null;
      app.day = null;
      app.curves = {};
      app.records = {};
      app.account = null;
      told = {};
    });
  }
  app.logout = function () {
    H.bell.ring(0);
    H.bell.stay_awake(false);
    forget().then(function () { app.go('list', true); H.render(); });
  };

  // ---- duty ----

  app.connect = function (by_hand) {
    app.synced = false;
    H.link.start(app.account, by_hand);
  };
  app.duty_start = function () {
    H.bell.unlock();
    H.bell.stay_awake(true);
    H.bell.once(1);
    H.bell.ask();
    app.duty = true;
    H.memory.put('keep', 'duty', true);
    if (['online', 'connecting', 'lost'].indexOf(H.link.state) < 0)
      app.connect(true);
    app.test = {began: Date.now(), reply: null};
    H.link.act({action: 'on'});
    app.go('test', true);
    setTimeout(H.render, 8500);
    setTimeout(function () { if (app.screen === 'test') H.bell.once(1); }, 1600);
  };
  app.test_done = function () {
    app.test = null;
    app.go('list', true);
    ring();
  };
  function duty_end() {
    app.duty = false;
    H.memory.put('keep', 'duty', false);
    H.bell.ring(0);
    H.bell.stay_awake(false);
    H.toast(t('off_done'));
    app.go('list', true);
    H.link.leave().then(H.render);
  }

  // ---- alerts ----

  // Versions differ when something has happened, not when the same was said again.
  function version(a) {
    return [a.round, a.tier, a.state, a.needs, a.reason, a.presses, a.owner, a.condition].join('|');
  }
  function memo(a) {
    const key = String(a.incident);
    if (!told[key])
      told[key] = {delivered: '', seen: '', rung: 0, at: 0};
    return told[key];
  }
  function keep(a) {
    H.memory.put('alerts', a.incident, {alert: a, steps: app.steps[a.incident] || [], told: told[a.incident]});
  }
  function note(a, mine) {
    const steps = app.steps[a.incident] = app.steps[a.incident] || [];
    const last = steps[steps.length - 1];
    const step = {at: H.clock.now(), seq: a.seq, state: a.state, reason: a.reason, owner: H.owner(a), mine: mine || ''};
    if (last && !mine && last.state === step.state && last.reason === step.reason && last.owner === step.owner)
      return;
    steps.push(step);
    if (steps.length > 40)
      steps.splice(1, 1);
    const before = app.log.length;
    if (mine || !last || last.state !== step.state)
      app.log.push({at: step.at, incident: a.incident, kind: a.kind, name: a.name, state: a.state, mine: mine || ''});
    if (app.log.length > 200)
      app.log.shift();
    if (app.log.length !== before)
      H.memory.put('log', 'today', app.log);
  }

  function on_alert(a) {
    const before = app.alerts[a.incident];
    if (before && a.seq < before.seq)
      return;
    const m = memo(a);
    const what = version(a);
    app.alerts[a.incident] = a;
    note(a);
    if (m.delivered !== what) {
      m.delivered = what;
      m.at = Date.now();
      H.link.act({incident: a.incident, action: 'delivered', seq: a.seq});
    }
    if (a.needs === 'accept' && a.seq > m.rung) {
      const first = m.rung === 0;
      m.rung = a.seq;
      if (first || a.reason !== 'renotify')
        H.bell.silence(0);
      if (first)
        H.say(t('new_alert', a.text));
      if (first && a.priority > 3 && app.duty)
        H.bell.once(3); // said once; nobody runs for it
      if (!app.calm(a))
        H.bell.notify(a, H.what(a) + ' ' + H.who(a), (H.near(a) || a.text) + ' ' + t('number', a.incident));
      if (app.screen === 'test' && !a.test)
        app.test_done();
    } else if (a.needs === 'arrive' && a.seq > m.rung && ['reconfirm', 'remind', 'pressed', 'arrive_max'].indexOf(a.reason) >= 0) {
      m.rung = a.seq;
      H.bell.once(2);
      H.say(H.reason(a.reason));
    }
    if (before && before.needs === 'accept' && a.needs === '') {
      H.toast(t('stood_down', a.incident, H.owner(a)));
      H.say(t('stood_down', a.incident, H.owner(a)));
    }
    if (a.needs !== 'accept')
      H.bell.unnotify(a.incident);
    keep(a);
    look();
    ring();
    H.render();
  }

  function on_gone(number) {
    const a = app.alerts[number];
    delete app.alerts[number];
    delete app.steps[number];
    delete told[number];
    delete app.curves[number];
    delete app.records[number];
    H.memory.remove('alerts', Number(number));
    if (!a)
      return;
    app.log.push({at: H.clock.now(), incident: a.incident, kind: a.kind, name: a.name, state: a.owner === app.account.user || a.state === 'resolved' ? 'resolved' : 'closed', mine: ''});
    H.memory.put('log', 'today', app.log);
    H.bell.unnotify(a.incident);
    H.toast(t('gone', number));
    if (app.screen === 'detail' && String(app.incident) === String(number)) {
      H.sheet_close();
      app.go('list', true);
    }
    ring();
    H.render();
  }

  // All retained alerts are there: what is not among them is over.
  function on_synced(seen) {
    app.synced = true;
    Object.keys(app.alerts).forEach(function (k) { if (!seen[k]) on_gone(k); });
    H.render();
  }

  // This person has said that he cannot, or that he will: the siren calls others, not him.
  app.calm = function (a) {
    const m = memo(a);
    return m.declined === a.round || H.link.pending(a.incident).some(function (p) { return p.action === 'accept' || p.action === 'decline'; });
  };
  app.calling = function () {
    return app.list().filter(function (a) { return a.needs === 'accept' && !app.calm(a) && !H.is_request(a); }).length;
  };
  function ring() {
    let level = 0;
    if (app.duty && app.screen !== 'test')
      app.list().forEach(function (a) {
        if (a.needs === 'accept' && !app.calm(a) && a.priority <= 3 && !H.is_request(a))
          level = level ? Math.min(level, a.priority) : a.priority;
      });
    H.bell.ring(level);
    document.title = (app.calling() ? '(' + app.calling() + ') ' : '') + t('title');
  }
  app.silence = function () {
    H.bell.silence(30);
    setTimeout(function () { ring(); H.render(); }, 30200);
    H.render();
  };

  // A person has looked: the page is in front and was touched since the alert came.
  function look() {
    if (document.visibilityState !== 'visible' || !app.duty)
      return;
    app.list().forEach(function (a) {
      const m = memo(a);
      const shown = app.screen === 'list' || app.screen === 'desk' || app.screen === 'detail' && app.incident === a.incident;
      if (shown && touched > m.at && m.seen !== version(a)) {
        m.seen = version(a);
        H.link.act({incident: a.incident, action: 'seen', seq: a.seq});
      }
    });
  }

  // ---- actions ----

  app.act = function (members) {
    const a = members.incident && app.alerts[members.incident];
    if (a && members.action === 'accept')
      H.bell.unnotify(a.incident);
    return H.link.act(members).then(function () {
      if (a)
        note(a, members.action);
      ring();
      H.render();
    });
  };

  function on_reply(action, reply) {
    const a = app.alerts[action.incident];
    const ok = reply.result === 'ok';
    if (app.test && action.action === 'on')
      app.test.reply = reply;
    if (action.action === 'delivered' || action.action === 'seen')
      return;
    if (action.action === 'vitals' || action.action === 'timeline') {
      if (!ok && action.action === 'vitals' && app.curves[action.incident])
        app.curves[action.incident].refused = true;
      if (!ok)
        H.toast(t('not_done', H.action(action.action), H.reason(reply.reason) || reply.text || reply.result), true);
      H.render();
      return; // the answer itself comes on a topic of its own
    }
    if (ok && action.action === 'off')
      duty_end();
    else if (ok && action.action !== 'on')
      H.toast(t('confirmed', H.action(action.action)) + (H.reason(reply.reason) ? '：' + H.reason(reply.reason) : ''));
    else if (!ok) {
      const text = t('not_done', H.action(action.action), H.reason(reply.reason) || reply.text || reply.result);
      H.toast(text, true);
      H.say(text);
    }
    if (a && action.action === 'decline' && ok) {
      memo(a).declined = a.round;
      keep(a);
    }
    ring();
    H.render();
  }

  // ---- screens ----

  app.go = function (screen, replace) {
    const state = {screen: screen, incident: app.incident};
    app.screen = screen;
    try { history[replace ? 'replaceState' : 'pushState'](state, '', location.pathname + location.search); } catch (e) { /* file: */ }
    H.render(true);
    look();
  };
  app.open = function (incident) {
    app.incident = incident;
    if (app.is_desk())
      app.go('list', true);
    else
      app.go('detail');
  };
  window.addEventListener('popstate', function (event) {
    H.sheet_close();
    app.screen = event.state && event.state.screen || 'list';
    app.incident = event.state && event.state.incident || app.incident;
    if (app.screen === 'detail' && !app.alerts[app.incident] || app.screen === 'test')
      app.screen = 'list';
    H.render(true);
  });

  function screen_name() {
    if (!app.account)
      return 'login';
    if (H.link.state === 'refused' || H.link.state === 'taken')
      return H.link.state;
    if (app.screen === 'me' || app.screen === 'test')
      return app.screen;
    if (!app.duty)
      return 'duty';
    return app.is_desk() ? 'desk' : app.screen;
  }

  function banners() {
    const list = [];
    const h = H.h;
    const phone = app.account && app.account.desk_phone;
    if (app.account && app.duty && H.link.state === 'lost')
      list.push(h('div', {class: 'banner bad', role: 'alert'}, t('offline_banner'), phone ? H.phone(phone, t('call_desk'), 'light') : null));
    else if (app.duty && H.link.gateway === 'offline')
      list.push(h('div', {class: 'banner bad', role: 'alert'}, t('gateway_banner'), phone ? H.phone(phone, t('call_desk'), 'light') : null));
    if (app.account && app.duty && !H.bell.unlocked() && ['refused', 'taken'].indexOf(H.link.state) < 0)
      list.push(h('button', {type: 'button', class: 'banner sound', onclick: function () { H.bell.unlock(); }}, t('sound_off')));
    const box = document.getElementById('banner');
    const text = list.map(function (e) { return e.textContent; }).join('|');
    if (box.drawn === text)
      return; // a screen reader must not hear it each second
    box.drawn = text;
    box.textContent = '';
    list.forEach(function (e) { box.appendChild(e); });
    document.documentElement.style.setProperty('--banner', box.offsetHeight + 'px');
  }

  // Draws the screen anew, keeping place and focus. Not under a finger: what is pressed must still be there when it is
  // let go, or the answer is lost.
  H.render = function (fresh) {
    if (pressing && !fresh) {
      render_wanted = true;
      return;
    }
    const root = document.getElementById('app');
    const name = screen_name();
    // somebody is looking for a bed: what he types stays under his fingers
    if (name === drawn && !fresh && document.activeElement && document.activeElement.type === 'search')
      return;
    const active = document.activeElement && document.activeElement.getAttribute('data-key');
    const places = {};
    Array.prototype.forEach.call(document.querySelectorAll('[data-scroll]'), function (e) { places[e.getAttribute('data-scroll')] = e.scrollTop; });
    const page = window.pageYOffset;
    if (name === 'login' && drawn === 'login' && !fresh)
      return; // somebody is typing
    root.textContent = '';
    root.className = name;
    root.appendChild(name === 'desk' ? H.desk() : H.screens[name]());
    // With very large text the answers alone stay in reach; what only refines them is left out.
    Array.prototype.forEach.call(root.querySelectorAll('.actions'), function (e) {
      root.classList.toggle('tight', e.offsetHeight > window.innerHeight * 0.42);
    });
    Array.prototype.forEach.call(document.querySelectorAll('[data-scroll]'), function (e) { e.scrollTop = places[e.getAttribute('data-scroll')] || 0; });
    if (name !== drawn || fresh) {
      window.scrollTo(0, 0);
      const first = root.querySelector('h1');
      if (first && drawn)
        first.focus();
    } else {
      window.scrollTo(0, page);
      const same = active && root.querySelector('[data-key="' + active + '"]');
      if (same)
        same.focus();
    }
    drawn = name;
    banners();
    if (reload_wanted && !app.list().length && !H.link.pending().length)
      location.reload();
  };

  // ---- begin ----

  H.link.on = {
    state: function () {
      if (H.link.state === 'online' && H.link.gateway !== 'offline')
        H.say(t('online'));
      if (H.link.state !== 'online')
        app.synced = false;
      if (H.link.state === 'online' && H.link.gateway !== 'offline')
        config();
      H.render();
    },
    alert: on_alert, gone: on_gone, synced: on_synced, reply: on_reply,
    board: function (board) { app.board = board; if (app.is_desk()) H.render(); },
    day: function (day) {
      app.day = day;
      H.memory.put('keep', 'day', day);
      H.clock.heard(day.at, false);
      if (['visits', 'today'].indexOf(app.screen) >= 0)
        H.render();
    },
    vitals: function (data) {
      if (app.alerts[data.incident]) {
        app.curves[data.incident] = {data: data};
        H.render();
      }
    },
    timeline: function (data) {
      if (app.alerts[data.incident] && Array.isArray(data.rows)) {
        app.records[data.incident] = {rows: data.rows};
        H.render();
      }
    },
    given_up: function (action) {
      if (action.action !== 'delivered' && action.action !== 'seen')
        H.toast(t('given_up', H.action(action.action)), true);
      H.render();
    }
  };
  H.bell.on_change = function () { banners(); };

  ['pointerdown', 'keydown', 'touchstart'].forEach(function (name) {
    document.addEventListener(name, function () {
      touched = Date.now();
      if (app.duty && !H.bell.unlocked())
        H.bell.unlock();
      look();
    }, {passive: true, capture: true});
  });
  function let_go() {
    clearTimeout(pressing);
    pressing = 0;
    if (render_wanted) {
      render_wanted = false;
      H.render();
    }
  }
  document.addEventListener('pointerdown', function () {
    clearTimeout(pressing);
    pressing = setTimeout(let_go, 10000); // a finger that nobody has seen leave
  }, {passive: true, capture: true});
  ['pointerup', 'pointercancel'].forEach(function (name) {
    document.addEventListener(name, function () { // the click comes after it
      clearTimeout(pressing);
      pressing = setTimeout(let_go, 80);
    }, {passive: true, capture: true});
  });
  document.addEventListener('visibilitychange', function () {
    if (document.visibilityState === 'visible') {
      H.link.nudge();
      look();
    }
  });
  window.addEventListener('resize', function () { H.render(); });
  window.addEventListener('online', H.link.nudge);
  window.addEventListener('hashchange', function () { if (/^#u=/.test(location.hash)) app.enrol(location.hash); });
  H.every.set(function () {
    H.tick();
    ring();
    banners();
  }, 1000);

  function service() {
    if (!('serviceWorker' in navigator) || location.protocol === 'file:')
      return;
    const controlled = Boolean(navigator.serviceWorker.controller);
    navigator.serviceWorker.addEventListener('controllerchange', function () {
      if (controlled) { // a new version of the app: not while somebody needs it
        reload_wanted = true;
        H.render();
      }
    });
    navigator.serviceWorker.addEventListener('message', function (event) {
      if (event.data && event.data.incident && app.alerts[event.data.incident])
        app.open(event.data.incident);
    });
    navigator.serviceWorker.register('sw.js').catch(function () { /* not a secure place: works without */ });
  }

  function begin() {
    const hash = location.hash;
    service();
    Promise.all([H.memory.get('keep', 'account'), H.memory.get('keep', 'duty'), H.memory.all('alerts'), H.memory.get('log', 'today'),
      H.memory.get('keep', 'day')]).then(function (all) {
      const midnight = new Date().setHours(0, 0, 0, 0) / 1000;
      app.account = all[0] || null;
      if (/^#u=/.test(hash) && app.enrol(hash))
        return;
      app.duty = Boolean(all[1] && app.account);
      app.day = app.account && all[4] || null;
      all[2].forEach(function (row) {
        app.alerts[row.alert.incident] = row.alert;
        app.steps[row.alert.incident] = row.steps;
        told[row.alert.incident] = row.told;
        H.clock.heard(row.alert.sent, false);
      });
      app.log = (all[3] || []).filter(function (l) { return l.at >= midnight; });
      history.replaceState({screen: 'list', incident: 0}, '', location.pathname + location.search);
      if (app.duty) {
        H.bell.try_unlock();
        H.bell.stay_awake(true);
        H.link.restore_claim().then(function () { app.connect(false); });
        H.link.take_up(app.account.user).then(H.render);
      }
      H.render();
      config();
    });
  }
  begin();
})();
