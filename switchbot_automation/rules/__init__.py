"""Rules: a person's own "when this, if that, do those", beside the zones' control.

Small on purpose, and in Home Assistant's words. `schema` reads them from the settings,
`evaluate` says purely what is due, `runner` carries it out as a step of the tick.
Whatever is not here is a plug-in, see `switchbot_automation.plugins`.
"""
