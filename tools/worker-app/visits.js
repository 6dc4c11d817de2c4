// SPDX-License-Identifier: Apache-2.0
// Visits at the beds of home care, and today's register: what the gateway says of this worker's day (topic "day").
(function () {
  'use strict';
  const H = window.Huying;
  const h = H.h;
  const t = H.t;
  const SERVICES = ['clean', 'meals', 'bath', 'medical', 'company', 'errand', 'other'];
  let wanted = ''; // what is looked for among the beds

  function day() {
    return H.app.day || {};
  }
  function pending() {
    return H.link.pending().filter(function (p) { return p.action === 'visit_in' || p.action === 'visit_out'; }).map(function (p) {
      return h('p', {class: 'pending', role: 'status'}, t(H.link.state === 'online' ? 'pending' : 'pending_offline', H.action(p.action)));
    });
  }

  function in_sheet(bed) {
    let service = 'company';
    H.sheet(t('v_in') + ' · ' + bed.name, function (close) {
      const proof = h('input', {id: 'v-proof', autocomplete: 'off', autocapitalize: 'off'});
      return [h('p', {class: 'quiet'}, bed.address),
        H.radio_row('service', t('v_service'), SERVICES, function (s) { return t('v_' + s); }, service, function (s) { service = s; }),
        h('label', {for: 'v-proof'}, t('v_proof')), proof,
        h('div', {class: 'row'}, H.button(t('cancel'), '', close), H.button(t('v_in'), 'primary grow', function () {
          const members = {action: 'visit_in', resident: bed.resident, service: service};
          if (proof.value.trim())
            members.proof = proof.value.trim();
          close();
          H.app.act(members);
        }))];
    });
  }

  function current(v) {
    return [h('div', {class: 'hero p4'},
      h('div', {class: 'top'}, h('span', {class: 'priority'}, t('v_now')), h('span', {}, v.service ? t('v_' + v.service) : '')),
      h('h2', {class: 'what'}, v.name), h('p', {class: 'where'}, v.address),
      H.live('p', {class: 'left'}, function () { return t('v_since', H.time(v.since), H.span(H.clock.now() - v.since)); })),
      H.live('p', {class: 'lead'}, function () {
        const left = (v.counts_from || v.since) - H.clock.now();
        return left > 0 ? t('v_hour', H.span(left)) : t('v_counts');
      }),
      H.button(t('v_out'), 'primary huge', function () {
        H.rating_sheet(t('v_out') + ' · ' + v.name, t('v_out'), function (score, note) {
          const members = {action: 'visit_out'};
          if (score)
            members.rating = score;
          if (note)
            members.note = note;
          H.app.act(members);
        });
      }, {'data-key': 'out', disabled: pending().length > 0})];
  }

  function bed_card(bed) {
    return h('li', {}, h('button', {type: 'button', class: 'card p5', 'data-key': 'b' + bed.resident, onclick: function () { in_sheet(bed); }},
      h('span', {class: 'what'}, bed.name), h('span', {class: 'where'}, H.near(bed)),
      h('span', {class: 'top'}, h('span', {class: 'needs'}, bed.plan ? t('v_of_plan', bed.done || 0, bed.plan) : t('v_done', bed.done || 0)),
        h('span', {class: 'number'}, t('v_hours', Math.round((bed.hours || 0) * 10) / 10)))));
  }

  function beds() {
    const all = day().beds || [];
    const list = h('ul', {class: 'cards'});
    const fill = function () {
      const found = all.filter(function (b) { return !wanted || (b.name + b.address + b.resident).indexOf(wanted) >= 0; });
      list.textContent = '';
      found.slice(0, 60).forEach(function (b) { list.appendChild(bed_card(b)); });
      if (day().more)
        list.appendChild(h('li', {class: 'quiet'}, t('v_more', day().more)));
      if (!found.length)
        list.appendChild(h('li', {class: 'quiet'}, t('v_no_bed')));
    };
    const search = h('input', {id: 'v-find', type: 'search', autocomplete: 'off', value: wanted, 'data-key': 'v-find', oninput: function () { wanted = search.value.trim(); fill(); }});
    fill();
    return [h('label', {for: 'v-find'}, t('v_find')), search, h('h2', {}, t('v_beds')), list];
  }

  H.screens.visits = function () {
    const visit = day().visit;
    return h('div', {class: 'screen'}, H.head(t('visits'), false),
      h('main', {class: 'page', 'data-scroll': 'visits'}, H.app.day ? null : h('p', {class: 'quiet center'}, t('day_wait')), pending(),
        visit ? current(visit) : beds()),
      H.tabs('visits'));
  };

  // ---- today's register ----

  function register_row(r) {
    return h('li', {}, h('time', {}, H.time(r.opened)), ' ', h('strong', {}, H.kind(r.kind)), ' ' + [r.name, H.near(r)].filter(Boolean).join(' ') + ' · ' +
      (r.outcome ? H.outcome(r.outcome) : H.state(r.state)) + (r.accepted ? ' · ' + t('accepted_in', H.span(r.accepted - r.opened)) : '') + ' ' + t('number', r.incident));
  }
  H.screens.today = function () {
    const rows = (day().register || []).slice().sort(function (a, b) { return b.opened - a.opened; });
    return h('div', {class: 'screen'}, H.head(t('today'), false),
      h('main', {class: 'page', 'data-scroll': 'today'},
        H.app.stale() && H.app.day ? h('p', {class: 'quiet center'}, t('offline_old')) : null,
        h('h2', {}, t('today_matters') + ' ' + rows.length),
        rows.length ? h('ol', {class: 'steps'}, rows.map(register_row)) : h('p', {class: 'quiet'}, H.app.day ? t('log_none') : t('day_wait')),
        h('section', {}, h('h2', {}, t('log')), H.phone_log())),
      H.tabs('today'));
  };

  // The four pages of a worker. Not under an alert that is being answered.
  H.tabs = function (name) {
    const tab = function (screen, text, n) {
      return h('button', {type: 'button', class: 'tab' + (screen === name ? ' chosen' : ''), 'data-key': 't' + screen, 'aria-current': screen === name ? 'page' : null,
        onclick: function () { H.app.go(screen, true); }}, text, n ? h('span', {class: 'count'}, n) : null);
    };
    return h('nav', {class: 'tabs', 'aria-label': t('pages')}, tab('list', t('tab_alerts'), H.app.calling()), tab('requests', t('requests'), H.requests().length),
      tab('visits', t('visits'), 0), tab('today', t('today'), 0));
  };
})();
