// SPDX-License-Identifier: Apache-2.0
// 民呼必应: everyday requests. Not alarms: they ring for nobody, and are counted in working days. A desk enters and
// assigns them, a worker deals with them, the resident says whether it was good.
(function () {
  'use strict';
  const H = window.Huying;
  const h = H.h;
  const t = H.t;
  const CLASSES = ['easy', 'key', 'hard'];
  const WAIT_DAYS = [1, 2, 3, 5];

  H.is_request = function (a) {
    return a.kind === 'request';
  };
  H.request_state = function (a) {
    return a.request && a.request.state || {alerting: 'open', accepted: 'assigned', on_scene: 'in_progress', resolved: 'done', closed: 'rated'}[a.state] || a.state;
  };
  function is_over(a) {
    return ['rated', 'not_accepted'].indexOf(H.request_state(a)) >= 0;
  }
  function is_mine(a) {
    return a.owner === H.app.account.user;
  }

  H.requests = function () {
    return H.app.list().filter(H.is_request).sort(function (a, b) {
      return (is_over(a) - is_over(b)) || ((a.request || {}).due || 1e12) - ((b.request || {}).due || 1e12) || a.incident - b.incident;
    });
  };

  H.request_left = function (a) {
    const q = a.request || {};
    const now = H.clock.now();
    if (is_over(a))
      return '';
    if (H.request_state(a) === 'waiting' && q.waiting_until)
      return t('q_waiting_until', H.span(q.waiting_until - now));
    if (!q.due)
      return t('waited', H.span(now - a.opened));
    return q.due > now ? t('q_left', H.span(q.due - now)) : t('q_late', H.span(now - q.due));
  };
  function is_late(a) {
    const due = (a.request || {}).due;
    return !is_over(a) && Boolean(due) && due < H.clock.now();
  }
  function labels(a) {
    const q = a.request || {};
    return [q.class ? t('q_' + q.class) : '', q.level ? t('q_level_' + q.level) : ''].filter(Boolean).join(' · ');
  }

  H.request_card = function (a, chosen) {
    const q = a.request || {};
    const state = H.request_state(a);
    return h('li', {}, h('button', {type: 'button', class: 'card p5' + (is_over(a) ? ' quiet' : '') + (chosen ? ' chosen' : ''), 'data-key': 'c' + a.incident,
                     'aria-current': chosen ? 'true' : null, onclick: function () { H.app.open(a.incident); }},
      h('span', {class: 'top'}, h('span', {class: 'priority'}, t('q_state_' + state)),
        H.live('span', {class: 'left'}, function (e) { e.classList.toggle('late', is_late(a)); return H.request_left(a); })),
      h('span', {class: 'what clip'}, q.text || H.kind('request')),
      h('span', {class: 'where'}, [H.who(a), H.near(a)].filter(Boolean).join(' · ')),
      h('span', {class: 'top'}, h('span', {class: 'needs'}, H.owner(a) ? t('q_owner', H.owner(a)) : t('q_nobody')),
        h('span', {class: 'number'}, labels(a) + ' ' + t('number', a.incident))),
      H.link.pending(a.incident).slice(0, 1).map(function (p) {
        return h('span', {class: 'pending'}, t(H.link.state === 'online' ? 'pending' : 'pending_offline', H.action(p.action)));
      })));
  };

  H.screens.requests = function () {
    const all = H.requests();
    return h('div', {class: 'screen'}, H.head(t('requests') + (all.length ? ' ' + all.length : ''), false),
      h('main', {class: 'page', 'data-scroll': 'requests'},
        H.app.stale() && all.length ? h('p', {class: 'quiet center'}, t('offline_old')) : null,
        all.length ? h('ul', {class: 'cards', 'aria-label': t('requests')}, all.map(function (a) { return H.request_card(a); })) :
          h('div', {class: 'calm'}, h('div', {class: 'tick', 'aria-hidden': 'true'}, '✓'), h('p', {class: 'lead'}, t('q_none')))),
      H.tabs('requests'));
  };

  // What stands in the middle of a request's page, above the facts that every matter has.
  H.request_facts = function (a) {
    const q = a.request || {};
    const line = function (title, value) {
      return value ? h('div', {class: 'fact'}, h('h3', {}, title), h('p', {}, value)) : null;
    };
    return [
      h('div', {class: 'hero p5'},
        h('div', {class: 'top'}, h('span', {class: 'priority'}, t('q_state_' + H.request_state(a))), h('span', {}, t('number', a.incident))),
        h('h2', {class: 'what'}, q.text || H.kind('request')),
        H.who(a) ? h('p', {class: 'who'}, H.who(a)) : null,
        h('p', {class: 'where'}, H.near(a)),
        H.live('p', {class: 'left'}, function () { return H.request_left(a); })),
      line(t('q_class'), labels(a)),
      line(t('q_responsible'), H.owner(a)),
      line(t('q_evidence'), q.evidence),
      line(t('q_reason'), q.reason),
      line(t('q_rating'), q.rating ? t('q_score', q.rating) : ''),
      line(t('q_by'), q.by ? t('q_by_' + q.by) : '')];
  };

  // ---- acts ----

  function act(a, action, more) {
    const members = {incident: a.incident, action: action, seq: a.seq};
    Object.keys(more || {}).forEach(function (k) { members[k] = more[k]; });
    H.app.act(members);
  }

  // One text that must be there. member: under which name it goes.
  function text_sheet(a, action, title, label, member, more) {
    H.sheet(title, function (close) {
      const wrong = h('p', {class: 'bad', role: 'alert'});
      const input = h('textarea', {id: 'q-text', rows: '3', maxlength: '300'});
      return [h('label', {for: 'q-text'}, label), input, wrong,
        h('div', {class: 'row'}, H.button(t('cancel'), '', close), H.button(title, 'primary grow', function () {
          const text = input.value.trim();
          if (!text) { wrong.textContent = label + '?'; input.focus(); return; }
          const members = more || {};
          members[member] = text;
          close();
          act(a, action, members);
        }))];
    });
  }

  function radio_row(name, title, values, words, chosen, fn) {
    return h('fieldset', {class: 'choices'}, h('legend', {}, title), values.map(function (v) {
      return h('label', {}, h('input', {type: 'radio', name: name, value: String(v), checked: v === chosen, onchange: function () { fn(v); }}), words(v));
    }));
  }
  H.radio_row = radio_row;

  function waiting_sheet(a) {
    let days = 2;
    H.sheet(t('q_wait'), function (close) {
      const wrong = h('p', {class: 'bad', role: 'alert'});
      const input = h('textarea', {id: 'q-text', rows: '3', maxlength: '300'});
      return [radio_row('days', t('q_wait_days'), WAIT_DAYS, function (d) { return t('q_days', d); }, days, function (d) { days = d; }),
        h('label', {for: 'q-text'}, t('q_evidence_needed')), input, wrong,
        h('div', {class: 'row'}, H.button(t('cancel'), '', close), H.button(t('q_wait'), 'primary grow', function () {
          const text = input.value.trim();
          if (!text) { wrong.textContent = t('q_evidence_needed') + '?'; input.focus(); return; }
          close();
          act(a, 'waiting', {for: days * 86400, evidence: text});
        }))];
    });
  }

  // 1 to 5; what is below 3 reopens it one level up.
  H.rating_sheet = function (title, button, fn) {
    let score = 0;
    H.sheet(title, function (close) {
      const wrong = h('p', {class: 'bad', role: 'alert'});
      const note = h('textarea', {id: 'q-text', rows: '2', maxlength: '300'});
      return [radio_row('score', t('q_ask'), [5, 4, 3, 2, 1], function (s) { return t('q_score_' + s); }, 0, function (s) { score = s; wrong.textContent = ''; }),
        h('label', {for: 'q-text'}, t('note')), note, wrong,
        h('div', {class: 'row'}, H.button(t('cancel'), '', close), H.button(button, 'primary grow', function () {
          if (!score && button !== t('v_out')) { wrong.textContent = t('q_ask') + '?'; return; }
          close();
          fn(score, note.value.trim());
        }))];
    });
  };

  function more_sheet(a) {
    const state = H.request_state(a);
    H.sheet(t('more'), function (close) {
      const list = [];
      const put = function (text, fn) {
        list.push(H.button(text, 'big', function () { close(); fn(); }));
      };
      if (H.app.is_desk() && state !== 'done')
        put(t('q_assign'), function () {
          H.ask_code(t('q_assign'), t('handover_to'), '', function (code) { act(a, 'assign', {to: code}); });
        });
      if (state === 'in_progress' || state === 'assigned')
        put(t('q_wait'), function () { waiting_sheet(a); });
      put(t('q_escalate'), function () { text_sheet(a, 'escalate', t('q_escalate'), t('q_reason_needed'), 'reason'); });
      if (state === 'open' || state === 'assigned')
        put(t('q_not_accepted'), function () { text_sheet(a, 'not_accepted', t('q_not_accepted'), t('q_reason_needed'), 'reason'); });
      if (H.app.is_desk())
        CLASSES.forEach(function (c) {
          if (c !== (a.request || {}).class)
            put(t('q_reclass', t('q_' + c)), function () { act(a, 'reclass', {class: c}); });
        });
      list.push(H.button(t('close'), 'plain', close));
      return list;
    });
  }

  H.request_actions = function (a) {
    const state = H.request_state(a);
    const mine = is_mine(a) || H.app.is_desk();
    const busy = H.link.pending(a.incident).length > 0;
    const box = h('footer', {class: 'actions'});
    const main = function (text, fn) {
      return H.button(text, 'primary huge grow', fn, {disabled: busy, 'data-key': 'main'});
    };
    if (is_over(a))
      return box;
    const first =
      state === 'open' ? main(t('q_accept'), function () { act(a, 'accept'); }) :
      !mine ? null :
      state === 'assigned' || state === 'waiting' ? main(t('q_start'), function () { act(a, 'start'); }) :
      state === 'in_progress' ? main(t('q_done'), function () { text_sheet(a, 'done', t('q_done'), t('q_done_what'), 'note'); }) :
      state === 'done' ? main(t('q_rate'), function () {
        H.rating_sheet(t('q_rate'), t('q_rate'), function (score, note) { act(a, 'rate', note ? {score: score, note: note} : {score: score}); });
      }) : null;
    const more = mine || state === 'open' ? H.button(t('more'), '', function () { more_sheet(a); }, {'data-key': 'more'}) : null;
    if (first || more)
      box.appendChild(h('div', {class: 'row'}, more, first));
    return box;
  };

  // A desk writes down what somebody has told it.
  H.request_new = function () {
    let kind = 'easy';
    H.sheet(t('q_new'), function (close) {
      const wrong = h('p', {class: 'bad', role: 'alert'});
      const who = h('input', {id: 'q-who', autocomplete: 'off', autocapitalize: 'off', value: ''});
      const text = h('textarea', {id: 'q-text', rows: '3', maxlength: '300'});
      const open = h('input', {type: 'checkbox'});
      return [h('label', {for: 'q-who'}, t('q_resident')), who, h('label', {for: 'q-text'}, t('q_what')), text,
        radio_row('class', t('q_class'), CLASSES, function (c) { return t('q_' + c); }, kind, function (c) { kind = c; }), h('label', {class: 'check'}, open, t('q_public')), wrong,
        h('div', {class: 'row'}, H.button(t('cancel'), '', close), H.button(t('q_new'), 'primary grow', function () {
          if (!who.value.trim()) { wrong.textContent = t('q_resident') + '?'; who.focus(); return; }
          if (!text.value.trim()) { wrong.textContent = t('q_what') + '?'; text.focus(); return; }
          close();
          H.app.act({action: 'request', resident: who.value.trim(), class: kind, text: text.value.trim(), public: open.checked});
        }))];
    });
  };
})();
