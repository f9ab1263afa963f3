#!/usr/bin/env bash
# node-switchbot 3.5.1 (npm): of the cloud's answer to a question for a status, getDeviceStatus
# keeps the body alone, and of its statusCode only HTTP's. The cloud answers HTTP 200 also where
# it refuses, and says so in a statusCode of its own beside the body.
#
# Seen, against a server on loopback that answers in the cloud's form: a device that is unknown
# (190), one that is offline (161), a hub that is (171) and a device that has nothing to say
# (100, an empty body) are one and the same to the caller: {} with 200. controlDevice, which
# hands over the whole answer, tells them apart.
#
# Needs node 20 or newer and npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --ignore-scripts --omit=optional --no-audit --no-fund \
    --prefix "$folder" 'node-switchbot@3.5.1' > /dev/null
cat > "$folder/ask.mjs" <<'JS'
import { createServer } from 'node:http'
import { SwitchBotOpenAPI } from './node_modules/node-switchbot/dist/switchbot-openapi.js'

const WORDS = { 100: 'success', 161: 'device offline', 171: 'hub device is offline', 190: 'wrong deviceId' }
const server = createServer((request, response) => {
  const statusCode = Number(request.url.split("/")[3])
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ statusCode, body: {}, message: WORDS[statusCode] }))
})
await new Promise(ready => server.listen(0, '127.0.0.1', ready))
const client = new SwitchBotOpenAPI('token', 'secret', `http://127.0.0.1:${server.address().port}`)
for (const code of [100, 161, 171, 190]) {
  const asked = await client.getDeviceStatus(code)
  const told = await client.controlDevice(code, 'turnOff', 'default')
  console.log(code, 'asked', JSON.stringify(asked), 'commanded', told.response.statusCode)
}
process.exit(0)
JS
node "$folder/ask.mjs" > "$folder/said.txt"
cat "$folder/said.txt"
diff - "$folder/said.txt" <<'TXT' || { echo "it answers otherwise now"; exit 1; }
100 asked {"response":{},"statusCode":200} commanded 100
161 asked {"response":{},"statusCode":200} commanded 161
171 asked {"response":{},"statusCode":200} commanded 171
190 asked {"response":{},"statusCode":200} commanded 190
TXT
