// SPDX-License-Identifier: Apache-2.0
// What must outlive a reload: who is logged in, actions that the gateway has not confirmed, alerts as last heard.
//
// IndexedDB, because an action that was taken must not be lost with the page. Where it is not to be had (private mode),
// a memory of this visit stands in: the app goes on, a reload forgets.
(function () {
  'use strict';
  const H = window.Huying;
  const STORES = ['keep', 'actions', 'alerts', 'log'];
  let opening = null;
  const fallback = {keep: {}, actions: {}, alerts: {}, log: {}};

  function open() {
    if (!opening)
      opening = new Promise(function (resolve) {
        let request;
        try { request = indexedDB.open('huying', 1); } catch (e) { resolve(null); return; }
        request.onupgradeneeded = function () {
          STORES.forEach(function (name) { request.result.createObjectStore(name); });
        };
        request.onsuccess = function () {
          request.result.onversionchange = function () { request.result.close(); };
          resolve(request.result);
        };
        request.onerror = request.onblocked = function () { resolve(null); };
      });
    return opening;
  }

  function run(store, mode, act, stand_in) {
    return open().then(function (db) {
      if (!db)
        return stand_in(fallback[store]);
      return new Promise(function (resolve) {
        let request, tx;
        try {
          tx = db.transaction(store, mode);
          request = act(tx.objectStore(store));
        } catch (e) { resolve(stand_in(fallback[store])); return; }
        // done when it is on the disk, not when it was asked for
        tx.oncomplete = function () { resolve(request.result); };
        tx.onerror = tx.onabort = function () { resolve(stand_in(fallback[store])); };
      });
    });
  }

  H.memory = {
    get: function (store, key) {
      return run(store, 'readonly', function (s) { return s.get(key); }, function (m) { return m[key]; });
    },
    put: function (store, key, value) {
      return run(store, 'readwrite', function (s) { return s.put(value, key); }, function (m) { m[key] = value; });
    },
    remove: function (store, key) {
      return run(store, 'readwrite', function (s) { return s.delete(key); }, function (m) { delete m[key]; });
    },
    all: function (store) {
      return run(store, 'readonly', function (s) { return s.getAll(); }, function (m) {
        return Object.keys(m).map(function (k) { return m[k]; });
      });
    },
    // Everything of the person who logs out.
    forget: function () {
      return Promise.all(STORES.map(function (store) {
        return run(store, 'readwrite', function (s) { return s.clear(); }, function (m) {
          Object.keys(m).forEach(function (k) { delete m[k]; });
        });
      }));
    }
  };
})();
