#!/usr/bin/env bash
# homebridge-switchbot-openapi 4.0.0 (npm) shows meters of the SwitchBot cloud in Apple Home. Its settings offer for
# them "Convert your Meter's Temperature to Celsius or Fahrenheit": nothing, 0 for Celsius, 1 for Fahrenheit.
#
# The cloud says °C, whatever the meter or the app shows, and so does Apple's characteristic. With "Celsius" the
# value is converted from °F all the same, and with "Fahrenheit" the characteristic, whose unit is °C, gets °F.
#
# Seen, the cloud answering 21.5: without the option 21.5; with Celsius -6; with Fahrenheit 71.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm --silent init --yes >/dev/null
npm --silent install --ignore-scripts homebridge-switchbot-openapi@4.0.0 hap-nodejs@0.14.1
node - <<'JS'
const assert = require("assert");
const hap = require("hap-nodejs");
const { Meter } = require("homebridge-switchbot-openapi/dist/devices/meters.js");

const quiet = () => {};
const answer = {
  statusCode: 100,
  message: "success",
  body: { deviceId: "500291B269BE", deviceType: "Meter", temperature: 21.5, humidity: 45 },
};

async function shown(unit) {
  const platform = {
    Service: hap.Service,
    Characteristic: hap.Characteristic,
    config: { options: { refreshRate: 3600, meter: { unit } } },
    log: { info: quiet, debug: quiet, warn: quiet, error: quiet },
    api: { hap },
    axios: { get: async () => ({ data: answer }) },
  };
  const accessory = new hap.Accessory("Bedroom", hap.uuid.generate(`a meter, ${unit}`));
  const device = { deviceId: "500291B269BE", deviceName: "Bedroom", deviceType: "Meter" };
  const meter = new Meter(platform, accessory, device);
  await meter.refreshStatus();
  const characteristic = accessory
    .getService(hap.Service.TemperatureSensor)
    .getCharacteristic(hap.Characteristic.CurrentTemperature);
  assert.equal(characteristic.props.unit, "celsius");
  // Home rounds to its own steps, which begin at -273.15.
  return Math.round(characteristic.value * 10) / 10;
}

(async () => {
  for (const [name, unit, expected] of [
    ["not set", undefined, 21.5],
    ["Celsius", 0, -6],
    ["Fahrenheit", 1, 71],
  ]) {
    const value = await shown(unit);
    console.log(`${name}: 21.5 °C of the cloud is shown as ${value} °C`);
    assert.equal(value, expected, "the option does something else now");
  }
  process.exit(0);
})();
JS
