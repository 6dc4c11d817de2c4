// SPDX-License-Identifier: Apache-2.0
// Vitals of the last day, and the gateway's own record of a matter: asked for when somebody looks, never kept.
(function () {
  'use strict';
  const H = window.Huying;
  const h = H.h;
  const t = H.t;
  let loading = null;

  // The library of the charts comes when the first one is shown: an alert is on the screen without it.
  function library() {
    if (window.uPlot)
      return Promise.resolve(window.uPlot);
    if (!loading)
      loading = new Promise(function (resolve, reject) {
        const style = h('link', {rel: 'stylesheet', href: 'uplot.min.css'});
        const script = h('script', {src: 'uplot.min.js'});
        script.onload = function () { resolve(window.uPlot); };
        script.onerror = function () { loading = null; reject(new Error('no chart')); };
        document.head.appendChild(style);
        document.head.appendChild(script);
      });
    return loading;
  }

  function limit_words(low, high) {
    const has_low = typeof low === 'number', has_high = typeof high === 'number';
    return !has_low && !has_high ? '' : ' · ' + (has_low && has_high ? t('c_limits', low, high) : has_low ? t('c_low', low) : t('c_high', high));
  }

  // What the curve says, in words: for a screen reader, and where no chart can be drawn.
  function summary(name, points, limits) {
    let low = Infinity, high = -Infinity;
    points.forEach(function (p) { low = Math.min(low, p[1]); high = Math.max(high, p[3]); });
    const v = H.vital(name);
    return v.name + ' ' + t('c_range', low, high, v.unit) + ' · ' + t('c_last', points[points.length - 1][2], H.time(points[points.length - 1][0])) +
      (limits ? limit_words(limits[0], limits[1]) : '');
  }

  function draw(uPlot, box, data, name, points, limits) {
    const times = [], low = [], mean = [], high = [];
    let last = 0;
    points.forEach(function (p) {
      if (last && p[0] - last > data.step * 3.5) { // nothing was measured: no line across it
        times.push(last + data.step);
        low.push(null); mean.push(null); high.push(null);
      }
      times.push(p[0]); low.push(p[1]); mean.push(p[2]); high.push(p[3]);
      last = p[0];
    });
    const series = [{}, {stroke: '#9db7d0', width: 1}, {stroke: '#0b4f8a', width: 2, points: {show: true, size: 4, fill: '#0b4f8a'}}, {stroke: '#9db7d0', width: 1}];
    const rows = [times, low, mean, high];
    [0, 1].forEach(function (i) {
      if (limits && typeof limits[i] === 'number') {
        rows.push(times.map(function () { return limits[i]; }));
        series.push({stroke: '#b00018', width: 1, dash: [6, 4]});
      }
    });
    new uPlot({
      width: Math.max(240, box.clientWidth), height: 150, legend: {show: false}, cursor: {show: false}, series: series, bands: [{series: [3, 1], fill: '#0b4f8a22'}],
      scales: {x: {range: [data.from, data.to]}},
      axes: [{space: 60, values: function (u, at) { return at.map(function (s) { return H.time(s); }); }}, {size: 44}]
    }, rows, box);
  }

  function charts(data) {
    const names = Object.keys(data.series || {}).filter(function (n) { return (data.series[n] || []).length; });
    if (!names.length)
      return h('p', {class: 'quiet'}, t('c_none'));
    return names.map(function (name) {
      const points = data.series[name];
      const limits = (data.limits || {})[name];
      const box = h('div', {class: 'chart', 'aria-hidden': 'true'});
      library().then(function (uPlot) { if (document.contains(box)) draw(uPlot, box, data, name, points, limits); }).catch(function () { /* the words stand */ });
      return h('figure', {class: 'curve'}, box, h('figcaption', {}, summary(name, points, limits)));
    });
  }

  // The section of one matter: a button, then what came. Drawn once, and put back by each render as it is.
  H.curve = function (a) {
    const app = H.app;
    if (!a.name || !a.incident)
      return null;
    const kept = app.curves[a.incident];
    if (!kept)
      return h('section', {class: 'fact'}, H.button(t('c_show'), '', function () {
        app.curves[a.incident] = {asked: Date.now()};
        app.act({incident: a.incident, action: 'vitals'});
      }, {'data-key': 'curve'}));
    if (!kept.data)
      return h('section', {class: 'fact'}, h('h3', {}, t('c_title')), h('p', {class: 'quiet', role: 'status'}, kept.refused ? t('c_none') : t('c_wait')));
    if (!kept.element)
      kept.element = h('section', {class: 'fact curves'}, h('h3', {}, t('c_title')), charts(kept.data));
    return kept.element;
  };

  // The whole record: who was told, when, and what they did.
  H.record = function (a) {
    const app = H.app;
    const kept = app.records[a.incident];
    return h('section', {class: 'fact'}, h('h3', {}, t('r_title')),
      kept && kept.rows ? h('ol', {class: 'steps'}, kept.rows.map(function (r) {
        return h('li', {}, h('time', {}, H.time(r.at, true)), ' ' + [H.step(r.kind), r.who, r.what].filter(Boolean).join(' · '));
      })) : null,
      H.button(kept && kept.rows ? t('r_again') : t('r_show'), '', function () {
        app.records[a.incident] = app.records[a.incident] || {};
        app.act({incident: a.incident, action: 'timeline'});
      }, {'data-key': 'record'}));
  };
})();
