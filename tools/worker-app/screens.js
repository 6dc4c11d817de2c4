// SPDX-License-Identifier: Apache-2.0
// The worker's screens. Each is made from the state in H.app and nothing else; a change makes it anew.
(function () {
  'use strict';
  const H = window.Huying;
  const h = H.h;
  const t = H.t;
  const screens = H.screens = {};
  const ETAS = [3, 5, 10, 15];
  const OUTCOMES = ['helped', 'hospital', 'fire_service', 'false_alarm', 'no_help_needed', 'device_fault', 'other'];

  function button(text, kind, fn, more) {
    const attributes = {type: 'button', class: 'button ' + (kind || ''), onclick: fn};
    Object.keys(more || {}).forEach(function (k) { attributes[k] = more[k]; });
    return h('button', attributes, text);
  }
  H.button = button;

  function language_button() {
    return button(t('language'), 'plain', function () { H.language(!H.english); H.render(); }, {lang: H.english ? 'zh-CN' : 'en'});
  }

  // ---- logging in ----

  screens.login = function () {
    const input = h('textarea', {id: 'login-link', rows: '3', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false'});
    const wrong = h('p', {class: 'bad', role: 'alert'});
    return h('main', {class: 'page narrow'},
      h('div', {class: 'row end'}, language_button()),
      h('h1', {}, t('title')),
      h('p', {class: 'lead'}, t('login_how')),
      h('label', {for: 'login-link'}, t('login_link')), input, wrong,
      button(t('login'), 'primary big', function () {
        const at = input.value.indexOf('#');
        if (at < 0 || !H.app.enrol(input.value.slice(at)))
          wrong.textContent = t('login_bad');
      }));
  };

  function notice(title, how, buttons) {
    return h('main', {class: 'page narrow'}, h('div', {class: 'row end'}, language_button()),
      h('h1', {}, title), h('p', {class: 'lead'}, how), buttons);
  }
  screens.refused = function () {
    return notice(t('login_refused'), t('login_refused_how'),
      button(t('login_again'), 'primary big', function () { H.app.logout(); }));
  };
  screens.taken = function () {
    return notice(t('taken'), t('taken_how'), button(t('taken_here'), 'primary big', function () { H.bell.unlock(); H.app.connect(true); }));
  };

  // ---- duty ----

  screens.duty = function () {
    const account = H.app.account;
    return h('main', {class: 'page narrow duty'},
      h('div', {class: 'row end'}, language_button(), button(t('me'), 'plain', function () { H.app.go('me'); })),
      h('h1', {}, t('duty_hello') + '，' + (account.name || account.user)),
      h('p', {class: 'lead'}, t('duty_why')),
      h('ul', {class: 'lead'}, ['duty_sound', 'duty_notice', 'duty_wake', 'duty_test'].map(function (k) { return h('li', {}, t(k)); })),
      button(t('duty_start'), 'primary huge', function () { H.app.duty_start(); }),
      H.link.state === 'online' ? null : h('p', {class: 'quiet'}, t('off_duty')));
  };

  screens.test = function () {
    const test = H.app.test;
    const line = test.reply ? (test.reply.result === 'ok' ? t('test_ok') : t('not_done', t('a_on'), H.reason(test.reply.reason) || test.reply.text || '')) :
      H.link.state === 'online' && Date.now() - test.began < 8000 ? t('test_wait') : Date.now() - test.began < 8000 ? t('connecting') : t('test_no');
    const good = test.reply && test.reply.result === 'ok';
    return h('main', {class: 'page narrow'},
      h('h1', {}, t('test_title')),
      h('p', {class: 'lead box ' + (good ? 'good' : 'wait'), role: 'status'}, h('span', {'aria-hidden': 'true'}, good ? '✔ ' : '… '), line),
      h('p', {class: 'lead'}, t('test_heard')),
      button(t('test_yes'), 'primary huge', function () { H.app.test_done(); }),
      button(t('test_again'), 'big', function () { H.bell.unlock(); H.bell.once(1); }),
      h('p', {class: 'quiet'}, t('test_hint')));
  };

  // ---- the list ----

  // One must be able to phone beside the siren.
  function silence() {
    if (H.bell.silence_left() > 0 && H.app.calling())
      return H.live('span', {class: 'state wait'}, function () { return t('silenced', H.span(H.bell.silence_left())); });
    return H.bell.ringing() ? button(t('silence'), 'onbar framed', function () { H.app.silence(); }, {'data-key': 'silence'}) : null;
  }

  function head(title, back) {
    const online = H.link.state === 'online';
    return h('header', {class: 'bar'},
      back ? button('‹ ' + t('back'), 'plain onbar', function () { history.back(); }) : null,
      h('h1', {tabindex: '-1'}, title),
      silence() || h('span', {class: 'state ' + (online ? 'good' : 'wait')}, h('span', {'aria-hidden': 'true'}, online ? '● ' : '○ '),
        online ? (H.app.duty ? t('on_duty') : t('online')) : t('connecting')),
      back ? null : button(t('me'), 'plain onbar', function () { H.app.go('me'); }));
  }
  H.head = head;

  function pending_lines(incident) {
    return H.link.pending(incident).map(function (a) {
      return h('p', {class: 'pending', role: 'status'},
        t(H.link.state === 'online' ? 'pending' : 'pending_offline', H.action(a.action)));
    });
  }
  H.pending_lines = pending_lines;

  function flags(a) {
    const list = [];
    if (a.test)
      list.push(t('test'));
    if (a.late)
      list.push(t('late'));
    if (a.presses > 1)
      list.push(t('presses', a.presses));
    if (a.links > 0)
      list.push(t('links', a.links));
    return list.length ? h('p', {class: 'flags'}, list.map(function (f) { return h('span', {class: 'flag'}, f); })) : null;
  }

  H.card = function (a, chosen) {
    const quiet = !a.needs;
    return h('li', {}, h('button', {type: 'button', class: 'card p' + a.priority + (quiet ? ' quiet' : '') + (chosen ? ' chosen' : ''), 'data-key': 'c' + a.incident,
                     'aria-current': chosen ? 'true' : null, onclick: function () { H.app.open(a.incident); }},
      h('span', {class: 'top'}, h('span', {class: 'priority'}, H.priority_words(a.priority)),
        H.live('span', {class: 'left'}, function (e) {
          e.classList.toggle('late', H.is_late(a));
          return H.time_left(a);
        })),
      h('span', {class: 'what'}, H.pieces([H.what(a)].concat(H.who(a).split(' ')))),
      h('span', {class: 'where'}, H.near(a) || (a.device ? t('unknown_where', a.device) : a.text)),
      H.next_step(a) ? H.live('span', {class: 'step'}, function () { return H.next_step(a); }) : null,
      h('span', {class: 'top'}, h('span', {class: 'needs'}, quiet && H.owner(a) ? t('taken_by', H.owner(a)) + ' · ' + H.needs(a) : H.needs(a)),
        h('span', {class: 'number'}, t('number', a.incident))),
      H.link.pending(a.incident).slice(0, 1).map(function (p) {
        return h('span', {class: 'pending'}, t(H.link.state === 'online' ? 'pending' : 'pending_offline', H.action(p.action)));
      })));
  };

  screens.list = function () {
    const all = H.sort(H.app.list().filter(function (a) { return !H.is_request(a); }));
    const mine = all.filter(function (a) { return a.needs; });
    const rest = all.filter(function (a) { return !a.needs; });
    return h('div', {class: 'screen'}, head(t('alerts') + (mine.length ? ' ' + mine.length : '')),
      h('main', {class: 'page', 'data-scroll': 'list'},
        H.app.stale() && all.length ? h('p', {class: 'quiet center'}, t('offline_old')) : null,
        mine.length ? h('ul', {class: 'cards', 'aria-label': t('alerts')}, mine.map(function (a) { return H.card(a); })) :
          h('div', {class: 'calm'}, h('div', {class: 'tick', 'aria-hidden': 'true'}, H.link.state === 'online' ? '✓' : '…'),
            h('p', {class: 'lead'}, t('none')), h('p', {class: 'quiet'}, t('none_how'))),
        rest.length ? h('section', {}, h('h2', {}, t('others')), h('ul', {class: 'cards'}, rest.map(function (a) { return H.card(a); }))) : null),
      H.tabs('list'));
  };

  // ---- one alert ----

  function fact(title, value, kind) {
    return value ? h('div', {class: 'fact ' + (kind || '')}, h('h3', {}, title), h('p', {}, value)) : null;
  }

  function timeline(a) {
    const steps = (H.app.steps[a.incident] || []).slice().reverse();
    return h('section', {class: 'fact'}, h('h3', {}, t('timeline')), h('ol', {class: 'steps'}, steps.map(function (s) {
      return h('li', {}, h('time', {}, H.time(s.at, true)), ' ' + (s.mine ? H.action(s.mine) : (s.reason ? H.reason(s.reason) : '') +
        (s.state ? ' · ' + H.state(s.state) + (s.owner ? ' ' + s.owner : '') : '')));
    })));
  }

  function happened(a) {
    const lines = [H.what(a)];
    if (a.kind === 'vital' && typeof a.limit === 'number')
      lines.push((a.value > a.limit ? '> ' : '< ') + a.limit);
    if (a.presses > 1)
      lines.push(t('presses', a.presses));
    if (a.reason && H.reason(a.reason))
      lines.push(H.reason(a.reason));
    return lines.join(' · ');
  }

  // more: what a desk knows besides
  H.detail = function (a, more) {
    const phones = [];
    if (a.phone)
      phones.push(H.phone(a.phone, t('call', a.name || t('resident'))));
    (a.contacts || []).forEach(function (c) {
      if (c.phone)
        phones.push(H.phone(c.phone, t('call', H.role(c.role) + (c.name ? ' ' + c.name : '')), 'phone second'));
    });
    return [H.is_request(a) ? H.request_facts(a) :
      h('div', {class: 'hero p' + a.priority},
        h('div', {class: 'top'}, h('span', {class: 'priority'}, H.priority_words(a.priority)), h('span', {}, t('number', a.incident))),
        h('h2', {class: 'what'}, H.what(a)),
        H.who(a) ? h('p', {class: 'who'}, H.who(a)) : null,
        h('p', {class: 'where'}, H.near(a) || (a.device ? t('unknown_where', a.device) : a.text)),
        H.live('p', {class: 'left'}, function () { return H.time_left(a); }),
        H.live('p', {class: 'step'}, function () { return H.next_step(a); })),
      more || null,
      flags(a),
      a.needs || H.is_request(a) ? null : h('p', {class: 'box good lead'}, (H.owner(a) ? t(a.state === 'on_scene' ? 'scene_by' : 'taken_by', H.owner(a)) + '。' : '') + t('needs_none')),
      a.recorded === false ? H.live('p', {class: 'quiet'}, function () { return H.clock.now() - a.sent > 5 ? t('unrecorded') : ''; }) : null,
      pending_lines(a.incident),
      phones.length ? h('section', {class: 'phones', 'aria-label': t('contacts')}, phones) : null,
      fact(t('enter'), a.access || (a.kind !== 'system' && a.state === 'alerting' ? t('enter_later') : ''), a.access ? 'strong' : ''),
      fact(t('notes'), a.notes, 'strong'),
      a.address ? h('div', {class: 'fact'}, h('h3', {}, t('where')), h('p', {}, a.address),
        h('a', {class: 'button plain', href: H.map_link(a.address), target: '_blank', rel: 'noopener'}, t('map'))) : null,
      a.place && String(a.map || '').indexOf('https://') === 0 ? h('div', {class: 'fact'}, h('h3', {}, t('place')),
        h('p', {}, t('place_at', a.place.lat, a.place.lon) + (a.place.accuracy ? t('place_within', a.place.accuracy) : '')),
        h('a', {class: 'button plain', href: a.map, target: '_blank', rel: 'noopener'}, t('map'))) : null,
      H.is_request(a) ? null : fact(t('happened'), happened(a)),
      H.curve(a),
      fact(t('condition'), a.condition ? t('cond_' + a.condition) : ''),
      fact(t('told_who'), (a.told || []).map(function (p) { return p.name + ' ' + H.told(p.state); }).join('，')),
      fact(t('opened'), H.time(a.opened, true)),
      fact(t('device'), a.device),
      h('p', {class: 'quiet', lang: 'zh-CN'}, a.text),
      timeline(a),
      H.record(a)];
  };

  function act(a, action, more, quiet) {
    const members = {incident: a.incident, action: action, seq: a.seq};
    Object.keys(more || {}).forEach(function (k) { members[k] = more[k]; });
    H.app.act(members, quiet);
  }

  function choose_eta(a) {
    const name = 'eta';
    return h('fieldset', {class: 'etas'}, h('legend', {}, t('eta')), ETAS.map(function (m) {
      const chosen = H.app.eta === m;
      return h('label', {class: chosen ? 'chosen' : ''}, h('input', {type: 'radio', name: name, value: String(m), checked: chosen,
        onchange: function () { H.app.eta = m; H.render(); }, 'data-key': 'eta' + m}), t('minutes', m));
    }));
  }

  function resolve_sheet(a) {
    let outcome = '';
    H.sheet(t('resolve') + ' · ' + t('number', a.incident), function (close) {
      const wrong = h('p', {class: 'bad', role: 'alert'});
      const note = h('textarea', {id: 'note', rows: '3', maxlength: '500'});
      return [
        h('fieldset', {class: 'choices'}, h('legend', {}, t('outcome')), OUTCOMES.map(function (o) {
          return h('label', {}, h('input', {type: 'radio', name: 'outcome', value: o, onchange: function () { outcome = o; wrong.textContent = ''; }}), H.outcome(o));
        })),
        h('label', {for: 'note'}, t('note')), note, wrong,
        h('div', {class: 'row'}, button(t('cancel'), '', close), button(t('resolve_sure'), 'primary grow', function () {
          if (!outcome) { wrong.textContent = t('outcome') + '?'; return; }
          if (outcome === 'other' && !note.value.trim()) { wrong.textContent = t('note_needed'); note.focus(); return; }
          act(a, 'resolve', note.value.trim() ? {outcome: outcome, note: note.value.trim()} : {outcome: outcome});
          close();
        }))];
    });
  }

  H.ask_code = function (title, label, how, fn) {
    H.sheet(title, function (close) {
      const input = h('input', {id: 'code', autocomplete: 'off', autocapitalize: 'off', value: H.app.taker || ''});
      return [h('p', {}, how), h('label', {for: 'code'}, label), input,
        h('div', {class: 'row'}, button(t('cancel'), '', close), button(title, 'primary grow', function () {
          const code = input.value.trim();
          if (!code) { input.focus(); return; }
          H.app.taker = code;
          close();
          fn(code);
        }))];
    });
  };

  function more_sheet(a) {
    H.sheet(t('more'), function (close) {
      const list = [];
      const add = function (text, action, members) {
        list.push(button(text, 'big', function () { close(); act(a, action, members); }));
      };
      const mine = a.needs === 'arrive' || a.needs === 'resolve';
      const own = a.owner === H.app.account.user;
      if (a.needs === 'arrive') {
        add(t('coming'), 'coming');
        ETAS.slice(1, 3).forEach(function (m) { add(t('extend') + '：' + t('minutes', m), 'extend', {eta: m * 60}); });
      }
      if (mine)
        add(t('backup'), 'backup');
      if (own) {
        list.push(button(t('handover'), 'big', function () {
          close();
          H.ask_code(t('handover'), t('handover_to'), t('handover_how'), function (code) { act(a, 'handover', {to: code}); });
        }));
        add(t('release'), 'release');
      }
      if (mine || H.app.is_desk()) {
        add(t('handoff119'), 'handoff', {agency: '119'});
        add(t('handoff120'), 'handoff', {agency: '120'});
        add(t('handoffup'), 'handoff', {agency: 'up'});
        list.push(button(t('confirm_ref'), 'big', function () {
          close();
          H.ask_code(t('confirm_ref'), t('ref'), '', function (ref) { act(a, 'confirm', {ref: ref}); });
        }));
      }
      list.push(button(t('close'), 'plain', close));
      return list;
    });
  }

  H.actions = function (a) {
    if (H.is_request(a))
      return H.request_actions(a);
    const box = h('footer', {class: 'actions'});
    const put = function () { Array.prototype.forEach.call(arguments, function (e) { if (e) box.appendChild(e); }); };
    const busy = H.link.pending(a.incident).some(function (p) { return ['accept', 'arrived', 'resolve'].indexOf(p.action) >= 0; });
    const more = button(t('more'), '', function () { more_sheet(a); }, {'data-key': 'more'});
    if (a.reason === 'fire119' && a.state !== 'resolved')
      put(h('div', {class: 'row'}, h('strong', {class: 'grow'}, t('fire119')),
        button(t('fire_yes'), 'danger', function () { act(a, 'fire119', {yes: true}); }), button(t('fire_no'), '', function () { act(a, 'fire119', {yes: false}); })));
    if (a.test && a.needs === 'accept')
      put(button(t('test_confirm'), 'big', function () { act(a, 'test_confirm'); }));
    if (a.needs === 'accept')
      put(choose_eta(a), h('div', {class: 'row'},
        button(t('decline'), '', function () { act(a, 'decline'); }, {disabled: busy, 'data-key': 'decline'}),
        H.app.is_desk() ? more : null,
        button(t('accept'), 'primary huge grow', function () { act(a, 'accept', {eta: H.app.eta * 60}); }, {disabled: busy, 'data-key': 'accept'})));
    else if (a.needs === 'arrive')
      put(h('div', {class: 'row'}, more, button(t('arrived'), 'primary huge grow', function () { act(a, 'arrived'); }, {disabled: busy, 'data-key': 'arrived'})));
    else if (a.needs === 'resolve')
      put(h('div', {class: 'row'}, more, button(t('resolve'), 'primary huge grow', function () { resolve_sheet(a); }, {disabled: busy, 'data-key': 'resolve'})));
    else if (a.state === 'accepted' || a.state === 'on_scene')
      put(h('div', {class: 'row'}, H.app.is_desk() ? more : null,
        button(t('help'), 'grow', function () { act(a, 'accept', {eta: H.app.eta * 60}); }, {disabled: busy, 'data-key': 'help'})));
    else if (a.state === 'resolved')
      put(button(t('reopen'), '', function () { act(a, 'reopen'); }));
    return box;
  };

  screens.detail = function () {
    const a = H.app.alerts[H.app.incident];
    if (!a)
      return screens.list();
    return h('div', {class: 'screen'}, head(H.is_request(a) ? t('requests') : H.needs(a), true),
      h('main', {class: 'page detail', 'data-scroll': 'detail' + a.incident}, H.detail(a)), H.actions(a));
  };

  // ---- me ----

  function off_sheet() {
    const mine = H.app.list().filter(function (a) { return a.owner === H.app.account.user; });
    H.sheet(t('off_do'), function (close) {
      if (!mine.length)
        return [h('p', {class: 'lead'}, t('off_sure')),
          h('div', {class: 'row'}, button(t('cancel'), '', close), button(t('off_do'), 'primary grow', function () { close(); H.app.act({action: 'off'}); }))];
      const input = h('input', {id: 'taker', autocomplete: 'off', autocapitalize: 'off', value: H.app.taker || ''});
      return [h('p', {class: 'lead'}, t('off_open')),
        h('ul', {}, mine.map(function (a) { return h('li', {}, t('number', a.incident) + ' ' + H.what(a) + ' ' + H.who(a)); })),
        h('label', {for: 'taker'}, t('off_taker')), input, h('p', {class: 'quiet'}, t('off_wait')),
        h('div', {class: 'row'}, button(t('cancel'), '', close), button(t('off_hand'), 'primary grow', function () {
          const code = input.value.trim();
          if (!code) { input.focus(); return; }
          H.app.taker = code;
          mine.forEach(function (a) { act(a, 'handover', {to: code}); });
          close();
        }))];
    });
  }

  H.phone_log = function () {
    return H.app.log.length ? h('ol', {class: 'steps'}, H.app.log.slice().reverse().slice(0, 100).map(function (l) {
      return h('li', {}, h('time', {}, H.time(l.at)), ' ' + t('number', l.incident) + ' ' + H.kind(l.kind) + (l.name ? ' ' + l.name : '') + ' · ' +
        (l.mine ? H.action(l.mine) : H.state(l.state)));
    })) : h('p', {class: 'quiet'}, t('log_none'));
  };

  screens.me = function () {
    const account = H.app.account;
    const skew = H.clock.skew();
    return h('div', {class: 'screen'}, head(t('me'), true), h('main', {class: 'page', 'data-scroll': 'me'},
      h('dl', {class: 'facts'},
        h('dt', {}, t('account')), h('dd', {}, (account.name ? account.name + ' ' : '') + account.user),
        h('dt', {}, t('site')), h('dd', {}, account.site),
        h('dt', {}, t('broker')), h('dd', {class: 'break'}, account.broker)),
      Math.abs(skew) > 60 ? h('p', {class: 'box wait'}, t('skew', H.span(Math.abs(skew)))) : null,
      H.link.pending().length ? h('section', {}, H.link.pending().map(function (p) { return pending_lines(p.incident); })) : null,
      H.app.duty ? button(t('off_do'), 'big', off_sheet) : null,
      button(t('try_sound'), 'big', function () { H.bell.unlock(); H.bell.once(1); }),
      button(t('language'), 'big', function () { H.language(!H.english); H.render(); }, {lang: H.english ? 'zh-CN' : 'en'}),
      H.app.is_desk() ? h('section', {}, h('h2', {}, t('log')), H.phone_log()) : null,
      button(t('logout'), 'danger', function () {
        H.sheet(t('logout'), function (close) {
          return [h('p', {class: 'lead'}, t('logout_sure')),
            h('div', {class: 'row'}, button(t('cancel'), '', close), button(t('logout'), 'danger grow', function () { close(); H.app.logout(); }))];
        });
      })));
  };
})();
