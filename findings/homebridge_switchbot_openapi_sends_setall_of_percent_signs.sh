#!/usr/bin/env bash
# homebridge-switchbot-openapi 4.0.0 (npm) shows devices of the SwitchBot cloud in Apple Home.
#
# For an infrared air conditioner it writes the four values of `setAll` (temperature, mode, fan, power: "26,1,3,on")
# behind a comma operator, so that the format itself is the parameter: whatever is chosen in Home,
# the cloud is told "%s,%s,%s,%s".
#
# And the threshold that is set in Home is taken for the temperature of the room: told to heat to 21, it says the room has 21.
#
# Seen with the plug-in's own class on the services of hap-nodejs: heating to 21 with the second fan speed ->
# {"commandType":"command","command":"setAll","parameter":"%s,%s,%s,%s"}.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm --silent init --yes >/dev/null
npm --silent install --ignore-scripts homebridge-switchbot-openapi@4.0.0 hap-nodejs@0.14.1
node - <<'JS'
const assert = require("assert");
const hap = require("hap-nodejs");
const {
  AirConditioner,
} = require("homebridge-switchbot-openapi/dist/irdevices/airconditioners.js");

const posted = [];
let told;
const sent = new Promise((resolve) => (told = resolve));
const quiet = () => {};
const platform = {
  Service: hap.Service,
  Characteristic: hap.Characteristic,
  config: { options: {} },
  log: { info: quiet, debug: quiet, warn: quiet, error: quiet },
  api: { hap },
  axios: {
    async post(url, payload) {
      posted.push([url, payload]);
      if (payload.command === "setAll") told();
      return { data: { statusCode: 100, body: {}, message: "success" } };
    },
  },
};
const accessory = new hap.Accessory("Living room", hap.uuid.generate("an air conditioner"));
const device = {
  deviceId: "02-202001010000-12345678",
  deviceName: "Living room",
  remoteType: "Air Conditioner",
};
const unit = new AirConditioner(platform, accessory, device);

// What Apple Home does: heat, to 21 °C, with the second speed of the fan.
const { TargetHeaterCoolerState: Target, Active } = hap.Characteristic;
const service = accessory.getService(hap.Service.HeaterCooler);
(async () => {
  const set = (kind, value) => service.getCharacteristic(kind).handleSetRequest(value);
  await set(Active, Active.ACTIVE);
  await set(Target, Target.HEAT);
  await set(hap.Characteristic.HeatingThresholdTemperature, 21);
  await set(hap.Characteristic.RotationSpeed, 2);
  await sent;
  const [, payload] = posted.at(-1);
  console.log(JSON.stringify(payload));
  assert.equal(payload.parameter, "%s,%s,%s,%s", "the values are put in now");
  console.log(`told to heat to 21, the room is shown at ${unit.CurrentTemperature}`);
  assert.equal(unit.CurrentTemperature, 21, "the threshold is no room temperature now");
  process.exit(0);
})();
JS
