// SPDX-License-Identifier: Apache-2.0
// The desk: the same alerts and the same actions on a wide screen, beside what the gateway's board says of all others.
(function () {
  'use strict';
  const H = window.Huying;
  const h = H.h;
  const t = H.t;

  // What is on the board and has not been called to this desk: masked, and without actions.
  function board_card(i) {
    return h('li', {}, h('div', {class: 'card quiet p' + i.priority},
      h('span', {class: 'top'}, h('span', {class: 'priority'}, H.priority_words(i.priority)),
        H.live('span', {class: 'left'}, function () { return t('waited', H.span(H.clock.now() - i.opened)); })),
      h('span', {class: 'what'}, H.what(i), i.name ? h('span', {class: 'who'}, ' ' + i.name) : null),
      h('span', {class: 'where'}, (i.building || '') + (i.grid ? ' ' + i.grid : '')),
      h('span', {class: 'top'}, h('span', {class: 'needs'}, H.state(i.state) + ' · ' + t('not_here')), h('span', {class: 'number'}, t('number', i.incident))),
      ladder(i)));
  }

  function ladder(i, without_time) {
    return h('span', {class: 'ladder'}, t('ladder', i.tier, i.tiers) + (i.round > 1 ? ' · ' + t('round', i.round) : '') + ' · ' + t('told', i.told, i.received),
      i.next_tier && !without_time ? H.live('span', {}, function () { return ' · ' + H.next_step({state: i.state, limits: {next_tier: i.next_tier}}); }) : null);
  }

  function number(value, text, bad) {
    return h('div', {class: 'figure' + (bad ? ' bad' : '')}, h('strong', {}, value), h('span', {}, text));
  }
  H.figures = function (b) {
    const f = b.figures || {};
    return h('div', {class: 'figures'}, number(b.open, t('f_open')), number(b.unanswered, t('f_unanswered'), b.unanswered > 0),
      number(f.opened, t('f_opened')), number(f.resolved, t('f_resolved')), number(f.accept_mean ? H.span(f.accept_mean) : '–', t('f_accept')));
  };
  H.board_age = function (b) {
    return H.live('p', {class: 'box wait old'}, function (e) {
      const age = H.clock.now() - b.at;
      e.hidden = age < 75;
      return age < 75 ? '' : t('board_old', H.span(age));
    });
  };

  function side(b) {
    if (!b)
      return h('aside', {class: 'side'}, h('p', {class: 'quiet'}, t('board_wait')));
    const bare = b.unprotected || []; // the first of them, those at the highest risk first
    const faults = (b.items || []).filter(function (i) { return i.group === 'fault'; });
    const on = Object.keys(b.on_duty || {});
    return h('aside', {class: 'side', tabindex: '0', 'data-scroll': 'side', 'aria-label': t('figures')}, H.board_age(b),
      b.degraded ? h('p', {class: 'box bad'}, t('degraded')) : null,
      h('h2', {}, t('figures')), H.figures(b), h('p', {class: 'quiet'}, t('since', H.time((b.figures || {}).since || b.at))),
      h('h2', {}, t('roster')), h('ul', {class: 'plain-list'}, on.map(function (r) { return h('li', {}, H.role(r), h('strong', {}, ' ' + b.on_duty[r])); })),
      h('h2', {}, t('gaps')), (b.gaps || []).length ?
        h('ul', {class: 'plain-list bad'}, b.gaps.map(function (g) { return h('li', {}, t('gap_grid', g)); })) : h('p', {}, t('gap_none')),
      h('h2', {}, t('unprotected') + (b.unprotected_count ? ' ' + b.unprotected_count : '')), bare.length ?
        h('ul', {class: 'plain-list'}, bare.map(function (p) { return h('li', {}, [p.name, p.building, p.grid].filter(Boolean).join(' ')); })) :
        h('p', {}, t('unprotected_none')),
      h('h2', {}, t('faults')), faults.length ?
        h('ul', {class: 'plain-list'}, faults.map(function (i) { return h('li', {}, t('number', i.incident) + ' ' + H.what(i) + ' ' + (i.name || '') + ' ' + (i.building || '')); })) :
        h('p', {}, t('fault_none')),
      h('h2', {}, t('answers')), (b.answers || []).length ? h('ul', {class: 'plain-list'}, b.answers.map(H.answer)) : h('p', {class: 'quiet'}, t('answers_none')),
      h('h2', {}, t('f_resolved')), (b.echoes || []).length ? h('ul', {class: 'plain-list'}, b.echoes.map(H.echo)) : h('p', {class: 'quiet'}, t('echo_none')));
  }
  H.echo = function (e) {
    return h('li', {}, h('time', {}, H.time(e.resolved)), ' ' + t('number', e.incident) + ' ' + H.what(e) + (e.name ? ' ' + e.name : '') + ' · ' + H.outcome(e.outcome) + ' ',
      h('span', {class: 'quiet'}, e.accept !== undefined ? t('resolved_in', H.span(e.accept), H.span(e.resolved - e.opened)) : ''));
  };

  // Of the echo wall: what was asked, what was done, what the resident said of it.
  H.answer = function (q) {
    return h('li', {}, h('strong', {}, q.question || H.kind('request')), ' ' + [q.name, q.building].filter(Boolean).join(' ') + ' · ' + (q.done || t('q_state_done')) + ' ',
      h('span', {class: 'quiet'}, q.score ? t('q_score_' + q.score) + ' ' + t('q_score', q.score) : t('q_state_done')));
  };

  H.desk = function () {
    const b = H.app.board;
    const requests = H.requests();
    const mine = H.sort(H.app.list().filter(function (a) { return !H.is_request(a); }));
    const known = {};
    const items = b && b.items || [];
    const by = {};
    mine.forEach(function (a) { known[a.incident] = true; });
    items.forEach(function (i) { by[i.incident] = i; });
    const others = items.filter(function (i) { return !known[i.incident] && i.kind !== 'request'; });
    const chosen = H.app.alerts[H.app.incident] || mine[0];
    return h('div', {class: 'screen desk'}, H.head(t('desk') + ' · ' + (H.app.account.name || H.app.account.user)),
      h('div', {class: 'columns'},
        h('nav', {class: 'column', 'data-scroll': 'desk-list', 'aria-label': t('all_open')},
          h('h2', {}, t('all_open') + ' ' + (mine.length + others.length)),
          mine.length + others.length === 0 ? h('p', {class: 'quiet'}, t('none')) : null,
          h('ul', {class: 'cards'}, mine.map(function (a) {
            const card = H.card(a, chosen === a);
            if (by[a.incident])
              card.firstChild.appendChild(ladder(by[a.incident], true));
            return card;
          }), others.map(board_card)),
          h('div', {class: 'row'}, h('h2', {class: 'grow'}, t('requests') + ' ' + requests.length), H.button(t('q_new'), '', H.request_new, {'data-key': 'q_new'})),
          H.link.pending().filter(function (p) { return p.action === 'request'; }).map(function (p) {
            return h('p', {class: 'pending', role: 'status'}, t(H.link.state === 'online' ? 'pending' : 'pending_offline', H.action(p.action)));
          }),
          requests.length ? h('ul', {class: 'cards'}, requests.map(function (a) { return H.request_card(a, chosen === a); })) : h('p', {class: 'quiet'}, t('q_none'))),
        h('main', {class: 'column middle'}, chosen ?
          [h('div', {class: 'detail', 'data-scroll': 'desk' + chosen.incident}, H.detail(chosen, by[chosen.incident] ? h('p', {class: 'box wait'}, ladder(by[chosen.incident], true)) : null)),
            H.actions(chosen)] :
          h('div', {class: 'calm'}, h('div', {class: 'tick', 'aria-hidden': 'true'}, '✓'), h('p', {class: 'lead'}, t('none')))),
        side(b)));
  };
})();
