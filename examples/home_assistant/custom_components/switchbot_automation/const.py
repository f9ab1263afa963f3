"""Names that several modules share."""

from homeassistant.const import Platform

DOMAIN = "switchbot_automation"
PLATFORMS = (Platform.CLIMATE, Platform.SENSOR)

CONF_TOKEN = "token"  # noqa: S105 - the name of a field
CONF_SECRET = "secret"  # noqa: S105 - likewise
CONF_BASE_URL = "base_url"
CONF_SETTINGS = "settings"
CONF_DEVICES = "devices"
CONF_PUSH = "push"
CONF_WEBHOOK_ID = "webhook_id"
CONF_ZONE = "zone"
CONF_OPENINGS = "openings"
CONF_PRESENCE = "presence"
CONF_PRESET = "preset"
CONF_METER = "meter"
CONF_AIRCON = "air_conditioner"
CONF_MODE = "mode"
CONF_LOW = "low"
CONF_HIGH = "high"

# What a band may be, in degrees Celsius; the engine refuses the rest.
LOWEST, HIGHEST = 10.0, 35.0
