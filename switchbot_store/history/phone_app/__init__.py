"""The CSV that the SwitchBot phone app exports, as samples."""
