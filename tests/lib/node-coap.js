// SPDX-License-Identifier: Apache-2.0
// One request of node-coap, which shares nothing with libcoap: node node-coap.js METHOD URI [PAYLOAD] | observe URI.
// Prints one line of JSON for each response: {"code":"2.01","location":["a","1"],"payload":"…","observe":false}.
// With observe it goes on until its standard input ends.
'use strict'
const coap = require('coap')

const [method, uri, payload] = process.argv.slice(2)
const url = new URL(uri)
const observe = method === 'observe'
const request = coap.request({
  hostname: url.hostname,
  port: Number(url.port),
  pathname: url.pathname,
  query: url.search.slice(1),
  method: observe ? 'GET' : method.toUpperCase(),
  observe,
  confirmable: true
})
if (payload !== undefined) request.setOption('Content-Format', 'application/json')

function say (response, body) {
  const location = response.options.filter(o => o.name === 'Location-Path').map(o => o.value.toString())
  process.stdout.write(JSON.stringify({ code: response.code, location, payload: body.toString(), observe }) + '\n')
}

request.on('response', response => {
  if (observe && response.headers.Observe !== undefined) {
    response.on('data', body => say(response, body))
    process.stdin.on('end', () => process.exit(0)).resume()
  } else {
    say(response, response.payload)
    process.exit(0)
  }
})
request.on('error', error => {
  process.stderr.write(error.message + '\n')
  process.exit(1)
})
request.end(payload)
