// SPDX-License-Identifier: Apache-2.0
// Pieces of screens. Elements are made, never parsed from text: nothing that a device or a registry says can be markup.
(function () {
  'use strict';
  const H = window.Huying;
  const t = H.t;

  // h('button', {class: 'big', onclick: fn}, 'text', child, [children])
  H.h = function (name, attributes) {
    const e = document.createElement(name);
    Object.keys(attributes || {}).forEach(function (k) {
      const value = attributes[k];
      if (value === null || value === undefined || value === false)
        return;
      if (k.slice(0, 2) === 'on')
        e.addEventListener(k.slice(2), value);
      else
        e.setAttribute(k, value === true ? '' : value);
    });
    (function add(list) {
      list.forEach(function (child) {
        if (Array.isArray(child))
          add(child);
        else if (child !== null && child !== undefined && child !== false)
          e.appendChild(typeof child === 'object' ? child : document.createTextNode(String(child)));
      });
    })(Array.prototype.slice.call(arguments, 2));
    return e;
  };
  const h = H.h;

  H.priority_words = function (p) {
    return t('priority', ['', '一', '二', '三', '四', '五'][H.english ? 0 : p] || p) + ' · ' + t('p' + p);
  };

  H.what = function (a) {
    if (a.kind === 'vital' && a.vital) {
      const v = H.vital(a.vital);
      return v.name + ' ' + a.value + ' ' + v.unit;
    }
    if (a.kind === 'system' && a.cause)
      return H.cause(a.cause);
    return H.kind(a.kind);
  };

  H.who = function (a) {
    if (a.kind === 'system')
      return '';
    // A detector of a home with several people has an address and nobody's name.
    return (a.name || (a.address ? '' : t('unknown_who'))) + (typeof a.age === 'number' ? ' ' + t('age', a.age) : '');
  };

  // A line of pieces that break between them, not within.
  H.pieces = function (list) {
    return list.filter(Boolean).map(function (p) { return [h('span', {class: 'whole'}, p), ' ']; });
  };

  // What a worker looks for first: the building. The whole address stands below.
  H.near = function (a) {
    const text = a.address || '';
    const at = text.search(/[0-9０-９一二三四五六七八九十]+号楼/);
    return at > 0 ? text.slice(at) : text;
  };

  H.owner = function (a) {
    return a.owner_name || a.owner || '';
  };

  // A piece of text that a clock writes anew each second: H.tick() calls write().
  H.live = function (name, attributes, write) {
    const e = h(name, attributes);
    e.live = write;
    e.textContent = write(e);
    e.classList.add('live');
    return e;
  };
  H.tick = function () {
    Array.prototype.forEach.call(document.querySelectorAll('.live'), function (e) {
      const text = e.live ? e.live(e) : null;
      if (text !== null && text !== e.textContent)
        e.textContent = text;
    });
  };

  // How long there is, for this reader.
  H.time_left = function (a) {
    const now = H.clock.now();
    const l = a.limits || {};
    if (a.needs === 'arrive' && l.arrive_by)
      return l.arrive_by > now ? t('arrive_left', H.span(l.arrive_by - now)) : t('arrive_late', H.span(now - l.arrive_by));
    if (a.needs === 'resolve' && l.handle_by)
      return l.handle_by > now ? t('handle_left', H.span(l.handle_by - now)) : t('handle_late', H.span(now - l.handle_by));
    return t('waited', H.span(now - a.opened));
  };
  H.next_step = function (a) {
    const l = a.limits || {};
    if (a.state !== 'alerting' || !l.next_tier)
      return '';
    const left = l.next_tier - H.clock.now();
    return left > 0 ? t('next_tier', H.span(left)) : t('next_tier_now');
  };
  H.deadline = function (a) {
    const l = a.limits || {};
    return (a.needs === 'arrive' ? l.arrive_by : a.needs === 'resolve' ? l.handle_by : l.next_tier) || a.opened + 1e6;
  };
  H.is_late = function (a) {
    const l = a.limits || {};
    const by = a.needs === 'arrive' ? l.arrive_by : a.needs === 'resolve' ? l.handle_by : 0;
    return Boolean(by) && by < H.clock.now();
  };

  H.needs = function (a) {
    return t('needs_' + (a.needs || 'none'));
  };

  // Most urgent first: what is asked of me, then the class, then the time that is left.
  H.sort = function (list) {
    const order = {accept: 0, arrive: 1, resolve: 2};
    return list.slice().sort(function (a, b) {
      const x = a.needs in order ? 0 : 1;
      const y = b.needs in order ? 0 : 1;
      return x - y || a.priority - b.priority || (order[a.needs] || 0) - (order[b.needs] || 0) ||
        H.deadline(a) - H.deadline(b) || a.incident - b.incident;
    });
  };

  H.toast = function (text, bad) {
    const box = document.getElementById('toast');
    const line = h('div', {class: bad ? 'bad' : ''}, text);
    box.appendChild(line);
    while (box.children.length > 2)
      box.removeChild(box.firstChild);
    setTimeout(function () { if (line.parentNode) line.parentNode.removeChild(line); }, bad ? 9000 : 4000);
  };
  // For a screen reader, at once.
  H.say = function (text) {
    const box = document.getElementById('say');
    box.textContent = '';
    setTimeout(function () { box.textContent = text; }, 50);
  };

  // A sheet from below: one question, big answers. fn(close) → elements.
  H.sheet = function (title, fn) {
    const sheet = document.getElementById('sheet');
    const before = document.activeElement;
    const close = function () {
      sheet.textContent = '';
      if (sheet.close && sheet.open)
        sheet.close();
      else
        sheet.removeAttribute('open');
      if (before && before.focus && document.contains(before))
        before.focus();
    };
    sheet.textContent = '';
    sheet.setAttribute('aria-labelledby', 'sheet-title');
    sheet.appendChild(h('h2', {id: 'sheet-title', tabindex: '-1'}, title));
    [].concat(fn(close)).forEach(function (e) { if (e) sheet.appendChild(e); });
    if (sheet.showModal) {
      if (!sheet.open)
        sheet.showModal();
    } else
      sheet.setAttribute('open', ''); // a WebView without dialogs: it lies over the page all the same
    document.getElementById('sheet-title').focus();
    return close;
  };
  H.sheet_close = function () {
    const sheet = document.getElementById('sheet');
    sheet.textContent = '';
    if (sheet.close && sheet.open)
      sheet.close();
    else
      sheet.removeAttribute('open');
  };

  H.phone = function (number, text, kind) {
    return h('a', {class: 'button ' + (kind || 'phone'), href: 'tel:' + String(number).replace(/[^0-9+*#]/g, '')},
      h('span', {'aria-hidden': 'true'}, '☎ '), text, ' ', h('span', {class: 'small whole'}, number));
  };
  H.map_link = function (address) {
    const q = encodeURIComponent(address);
    const apple = /iPhone|iPad|Macintosh/.test(navigator.userAgent);
    return apple ? 'https://maps.apple.com/?q=' + q : 'geo:0,0?q=' + q;
  };
})();
