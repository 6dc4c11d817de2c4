// SPDX-License-Identifier: Apache-2.0
// The way to the gateway: one MQTT connection, what comes in, and actions that are sent until they are confirmed.
//
// - An action gets its nonce and its bytes once. They are on the phone's disk before they are sent, and are sent again,
//   the same bytes, until the reply with this nonce comes: over lost connections and reloads. The gateway acts once.
// - After each connection the broker's retained alerts come anew. An echo of our own presence, asked for after the
//   subscription, tells when they are all there; what has not come by then is over.
// - A second window with the same account would take the session away, and we would take it back, for ever. So each
//   start of duty makes a claim, a number that rides on our presence; who meets a higher one stops and says so.
(function () {
  'use strict';
  const H = window.Huying;
  const BEAT_MS = 60000;
  const RETRY_MS = [1000, 2000, 4000, 8000, 15000, 30000];
  const FORGET_MS = 24 * 3600 * 1000; // for so long the gateway knows a nonce

  const link = H.link = {
    state: 'off', // off, connecting, online, lost, refused, taken
    gateway: '', // online, offline, as the gateway's status says
    since: 0,
    actions: {}, // by nonce: {nonce, body, incident, action, created, tries}
    on: {} // state, alert, gone, synced, reply, board, day, vitals, timeline, given_up: set by app.js
  };
  let account = null;
  let client = null;
  let attempts = 0;
  let dial_timer = null;
  let beat_timer = null;
  let generation = 0;
  let seen_now = {}; // incidents that have come in this generation
  let lost_timer = null;
  let claim = 0;
  const page = random_id();
  let claim_is_new = false; // a person has just said so: it outbids what it meets

  function topic(rest) {
    return 'huying/' + account.site + '/' + rest;
  }
  function mine(rest) {
    return topic('worker/' + account.user + '/' + rest);
  }
  function random_id() {
    const bytes = new Uint8Array(9);
    crypto.getRandomValues(bytes);
    return Array.prototype.map.call(bytes, function (b) { return (b + 256).toString(16).slice(1); }).join('');
  }
  function tell(name, a, b) {
    if (link.on[name])
      link.on[name](a, b);
  }
  function state_set(state) {
    if (state === link.state)
      return;
    link.state = state;
    link.since = Date.now();
    tell('state');
  }

  // ---- the connection ----

  // 0.5 to 1.5 of 1, 2, 4 … 30 s: a community's phones do not come back all at once.
  function dial_later() {
    clearTimeout(dial_timer);
    if (!client || link.state === 'refused' || link.state === 'taken' || link.state === 'off')
      return;
    const wait = Math.min(30000, 1000 * Math.pow(2, Math.min(attempts, 5)));
    attempts++;
    dial_timer = setTimeout(dial_now, wait * (0.5 + Math.random()));
  }
  function dial_now() {
    clearTimeout(dial_timer);
    if (client && !client.connected && (link.state === 'connecting' || link.state === 'lost'))
      client.reconnect();
  }
  link.nudge = function () {
    if (!client)
      return;
    if (!client.connected) {
      attempts = 0;
      dial_now();
    } else
      beat();
  };

  function beat(turn) {
    const properties = {claim: String(claim)};
    if (turn)
      properties.turn = page + turn;
    if (client && client.connected)
      client.publish(mine('presence'), 'online', {qos: 1, retain: true, properties: {userProperties: properties}});
  }

  function claim_set(to, is_new) {
    claim = to;
    claim_is_new = is_new;
    H.memory.put('keep', 'claim', claim);
  }

  function on_connect() {
    const turn = ++generation;
    attempts = 0;
    seen_now = {};
    clearTimeout(lost_timer);
    const filters = {};
    filters[mine('alert/+')] = {qos: 1};
    filters[mine('reply')] = {qos: 1};
    filters[mine('day')] = {qos: 1};
    filters[mine('vitals')] = {qos: 1};
    filters[mine('timeline')] = {qos: 1};
    filters[mine('presence')] = {qos: 1};
    filters[topic('status')] = {qos: 1};
    if (account.board)
      filters[topic('board')] = {qos: 1};
    client.subscribe(filters, function (error, granted) {
      if (error || turn !== generation)
        return;
      // 0x80 and above: the broker's rules do not let us hear our own alerts. That is no login.
      const refused = (granted || []).some(function (g) { return g.qos >= 128 && g.topic === mine('alert/+'); });
      if (refused) {
        stop('refused');
        return;
      }
      state_set('online');
      beat(turn);
      H.every.clear(beat_timer);
      beat_timer = H.every.set(function () { beat(); }, BEAT_MS);
      Object.keys(link.actions).forEach(function (nonce) { send(link.actions[nonce], true); });
    });
  }

  function on_close() {
    generation++;
    H.every.clear(beat_timer);
    if (link.state === 'online')
      state_set('lost');
    if (link.state === 'connecting' && !lost_timer)
      lost_timer = setTimeout(function () { lost_timer = null; if (link.state === 'connecting') state_set('lost'); }, navigator.onLine === false ? 0 : 3000);
    dial_later();
  }

  function on_error(error) {
    // CONNACK of version 5: bad user name or password, not authorized, banned
    if (error && [0x84, 0x86, 0x87, 0x8a].indexOf(error.code) >= 0 || error && (error.code === 4 || error.code === 5))
      stop('refused');
  }

  function on_disconnect(packet) {
    if (packet && packet.reasonCode === 0x8e)
      stop('taken');
  }

  function stop(state) {
    clearTimeout(dial_timer);
    H.every.clear(beat_timer);
    const old = client;
    client = null;
    generation++;
    state_set(state);
    if (old)
      old.end(true);
  }

  function on_message(name, payload, packet) {
    const text = payload.toString();
    const alerts = mine('alert/');
    if (name.slice(0, alerts.length) === alerts)
      on_alert(name.slice(alerts.length), text, packet.retain);
    else if (name === mine('reply'))
      on_reply(text);
    else if (name === mine('presence'))
      on_presence(text, packet);
    else if (name === topic('status')) {
      link.gateway = text;
      tell('state');
    } else if (name === topic('board'))
      on_board(text, packet.retain);
    else
      ['day', 'vitals', 'timeline'].forEach(function (n) {
        const value = name === mine(n) && read(text);
        if (value)
          tell(n, value);
      });
  }

  function read(text) {
    try {
      const value = JSON.parse(text);
      return value && typeof value === 'object' && !Array.isArray(value) ? value : null;
    } catch (e) { return null; }
  }

  function on_alert(number, text, retained) {
    if (text === '') {
      delete seen_now[number];
      tell('gone', number);
      return;
    }
    const alert = read(text);
    if (!alert || String(alert.incident) !== number)
      return;
    H.clock.heard(alert.sent, false); // it may have waited in our session
    seen_now[number] = true;
    tell('alert', alert, retained);
  }

  function on_board(text, retained) {
    const board = read(text);
    if (!board)
      return;
    H.clock.heard(board.at, !retained);
    tell('board', board);
  }

  function on_presence(text, packet) {
    const properties = packet.properties && packet.properties.userProperties || {};
    const other = Number(properties.claim) || 0;
    if (text === 'online' && other > claim) {
      if (!claim_is_new) {
        stop('taken');
        return;
      }
      claim_set(other + 1, true);
      beat();
    }
    if (text === 'online' && !packet.retain && properties.turn === page + generation) {
      claim_is_new = false;
      tell('synced', seen_now);
    } else if (text === 'offline' && !packet.retain && link.state === 'online')
      beat(); // the will of a connection that we had before
  }

  // ---- actions ----

  function send(action, at_once) {
    clearTimeout(action.timer);
    if (!link.actions[action.nonce] || action.unkept)
      return;
    if (Date.now() - action.created > FORGET_MS) {
      forget(action);
      tell('given_up', action);
      return;
    }
    const wait = RETRY_MS[Math.min(action.tries, RETRY_MS.length - 1)];
    if (client && client.connected && link.state === 'online') {
      client.publish(mine('act'), action.body, {qos: 1});
      action.tries = at_once ? 1 : action.tries + 1;
    }
    action.timer = setTimeout(function () { send(action, false); }, wait);
  }

  function forget(action) {
    clearTimeout(action.timer);
    delete link.actions[action.nonce];
    H.memory.remove('actions', action.nonce);
  }

  // members: incident, action, and what it takes. Resolves when it is on the phone's disk and on its way.
  link.act = function (members) {
    const nonce = random_id();
    const body = {nonce: nonce};
    Object.keys(members).forEach(function (k) { body[k] = members[k]; });
    const action = {nonce: nonce, body: JSON.stringify(body), incident: members.incident, action: members.action,
                    created: Date.now(), user: account.user, tries: 0};
    link.actions[nonce] = action;
    action.unkept = true; // a new connection must not send what is not on the phone's disk yet
    return H.memory.put('actions', nonce,
      {nonce: nonce, body: action.body, incident: action.incident, action: action.action, created: action.created, user: action.user})
      .then(function () {
        delete action.unkept;
        send(action, true);
        return action;
      });
  };

  function on_reply(text) {
    const reply = read(text);
    const action = reply && link.actions[reply.nonce];
    if (!action)
      return;
    forget(action);
    tell('reply', action, reply);
  }

  link.pending = function (incident) {
    return Object.keys(link.actions).map(function (n) { return link.actions[n]; }).filter(function (a) {
      return a.action !== 'delivered' && a.action !== 'seen' && (incident === undefined || a.incident === incident);
    });
  };

  // ---- begin and end ----

  // by_hand: a person has said that it is to be here; else it goes on after a reload.
  link.start = function (of, by_hand) {
    account = of;
    if (by_hand)
      claim_set(Math.max(Date.now(), claim + 1), true);
    if (client)
      stop('off');
    link.gateway = '';
    state_set('connecting');
    attempts = 0;
    client = mqtt.connect(account.broker, {
      clientId: account.user, username: account.user, password: account.token,
      protocolVersion: 5, clean: false, properties: {sessionExpiryInterval: 3 * 86400},
      keepalive: 20, connectTimeout: 10000, reconnectPeriod: 0, resubscribe: false, timerVariant: H.every,
      will: {topic: mine('presence'), payload: 'offline', qos: 1, retain: true}
    });
    const own = client;
    const ours = function (fn) { return function (a, b, c) { if (client === own) fn(a, b, c); }; };
    client.on('connect', ours(on_connect));
    client.on('close', ours(on_close));
    client.on('error', ours(on_error));
    client.on('disconnect', ours(on_disconnect));
    client.on('message', ours(on_message));
  };

  link.restore_claim = function () {
    return H.memory.get('keep', 'claim').then(function (kept) { claim = kept || 0; });
  };
  // What was not confirmed before the reload goes on, if it was this person's.
  link.take_up = function (user) {
    return H.memory.all('actions').then(function (list) {
      list.forEach(function (a) {
        if (a.user === user && !link.actions[a.nonce]) {
          a.tries = 0;
          link.actions[a.nonce] = a;
          send(a, true);
        }
      });
    });
  };

  // On purpose: says so, so that nobody waits for this phone.
  link.leave = function () {
    const old = client;
    if (!old) {
      state_set('off');
      return Promise.resolve();
    }
    return new Promise(function (resolve) {
      const done = function () { stop('off'); resolve(); };
      if (!old.connected) { done(); return; }
      const limit = setTimeout(done, 3000);
      old.publish(mine('presence'), 'offline', {qos: 1, retain: true}, function () { clearTimeout(limit); done(); });
    });
  };
  link.forget_actions = function () {
    Object.keys(link.actions).forEach(function (n) { forget(link.actions[n]); });
  };
})();
