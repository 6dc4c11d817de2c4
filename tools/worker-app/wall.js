// SPDX-License-Identifier: Apache-2.0
// The wall: what the gateway's board says, for everybody who passes by. It only listens, and the broker's rules let its
// account hear nothing but the board. The clock moves with the gateway's time: a picture that is frozen is seen.
(function () {
  'use strict';
  const H = window.Huying;
  const h = H.h;
  const t = H.t;
  const SHOWN = 9; // more do not fit and cannot be read from afar
  let board = null;
  let online = false;
  let gateway = '';
  let name = '';

  function problem(i) {
    return h('li', {class: 'problem p' + i.priority}, h('strong', {}, H.priority_words(i.priority)),
      h('span', {}, H.what(i) + ' ' + (i.name || '') + ' ' + (i.building || '') + (i.grid ? ' · ' + i.grid : '')),
      H.live('span', {class: 'left'}, function () { return H.span(H.clock.now() - i.opened); }),
      h('span', {class: 'more'}, H.state(i.state) + (i.owner ? ' ' + i.owner : '') + ' · ' + t('ladder', i.tier, i.tiers) + ' · ' + t('told', i.told, i.received)));
  }

  // The problem wall: what was asked and is not answered yet.
  function request(q) {
    return h('li', {class: 'problem p5' + (q.overdue ? ' p2' : '')}, h('strong', {}, q.class ? t('q_' + q.class) : ''),
      h('span', {}, (q.text || H.kind('request')) + ' ' + [q.name, q.building].filter(Boolean).join(' ')),
      H.live('span', {class: 'left'}, function () {
        const left = (q.due || 0) - H.clock.now();
        return !q.due ? '' : left > 0 ? t('q_left', H.span(left)) : t('q_late', H.span(-left));
      }),
      h('span', {class: 'more'}, t('q_state_' + q.state) + (q.level ? ' · ' + t('q_level_' + q.level) : '')));
  }

  function alarms(b) {
    return (b.items || []).filter(function (i) { return i.kind !== 'request'; });
  }

  function render() {
    const root = document.getElementById('app');
    const b = board;
    root.textContent = '';
    root.appendChild(h('main', {},
      h('div', {class: 'wall-head'}, h('h1', {}, t('title') + (name ? ' · ' + name : '')), b ? H.figures(b) : null,
        H.live('div', {class: 'clock'}, function () { return H.time(H.clock.now(), true); }),
        online ? null : h('p', {class: 'banner bad', role: 'alert'}, t('connecting')),
        gateway === 'offline' ? h('p', {class: 'banner bad', role: 'alert'}, t('gateway_banner')) : null,
        b ? H.board_age(b) : h('p', {class: 'quiet'}, t('board_wait')),
        b && b.degraded ? h('p', {class: 'banner bad'}, t('degraded')) : null),
      h('section', {}, h('h2', {}, t('emergencies') + (b ? ' ' + b.open : '')), b && alarms(b).length ?
        h('ul', {}, alarms(b).slice(0, SHOWN).map(problem)) : h('p', {class: 'lead'}, b ? t('none') : ''),
        h('h2', {}, t('problems') + (b && b.problems ? ' ' + b.problems.length : '')), b && (b.problems || []).length ?
          h('ul', {}, b.problems.slice(0, Math.max(3, SHOWN - alarms(b).length)).map(request)) : h('p', {class: 'lead'}, b ? t('problems_none') : '')),
      h('section', {}, h('h2', {}, t('answers')), b && (b.answers || []).length ?
        h('ul', {class: 'plain-list'}, b.answers.slice(0, 6).map(H.answer)) : h('p', {class: 'quiet'}, t('answers_none')),
        h('h2', {}, t('f_resolved')), b && (b.echoes || []).length ?
          h('ul', {class: 'plain-list'}, b.echoes.slice(0, 6).map(H.echo)) : h('p', {class: 'quiet'}, t('echo_none')))));
  }

  function start(of) {
    const base = 'huying/' + of.site + '/';
    const client = mqtt.connect(of.broker, {username: of.user || undefined, password: of.token || undefined, clientId: of.user || undefined,
      protocolVersion: 5, clean: true, keepalive: 20, reconnectPeriod: 3000 + Math.random() * 3000, timerVariant: H.every});
    client.on('connect', function () {
      online = true;
      const filters = {};
      filters[base + 'board'] = {qos: 1};
      filters[base + 'status'] = {qos: 0};
      client.subscribe(filters);
      render();
    });
    client.on('close', function () { online = false; render(); });
    client.on('error', function () { /* 'close' follows */ });
    client.on('message', function (name, payload, packet) {
      if (name === base + 'status')
        gateway = payload.toString();
      else
        try {
          board = JSON.parse(payload.toString());
          H.clock.heard(board.at, !packet.retain);
        } catch (e) { return; }
      render();
    });
  }

  // "#u=wall&t=token&s=demo&b=wss://…&n=name of the community", kept for the next start of the screen.
  const of = {};
  location.hash.replace(/^#/, '').split('&').forEach(function (pair) {
    const at = pair.indexOf('=');
    if (at > 0)
      of[pair.slice(0, at)] = decodeURIComponent(pair.slice(at + 1));
  });
  render();
  setInterval(H.tick, 1000);
  Promise.all([H.memory.get('keep', 'wall'), fetch('config.json', {cache: 'no-store'}).then(function (r) { return r.json(); }).catch(function () { return {}; })])
    .then(function (all) {
      const kept = all[0] || {};
      const config = all[1];
      const account = of.u || of.b ? {user: of.u || '', token: of.t || '', site: of.s || '', broker: of.b || '', name: of.n || ''} : kept;
      H.clock.heard(config.now, true);
      account.site = account.site || config.site || 'demo';
      account.broker = account.broker || config.broker || (location.protocol === 'https:' ? 'wss://' + location.host + '/mqtt' : 'ws://' + location.hostname + ':9001/mqtt');
      name = account.name || account.site;
      H.memory.put('keep', 'wall', account);
      history.replaceState(null, '', location.pathname);
      start(account);
    });
})();
