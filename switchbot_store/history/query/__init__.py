"""From rows to answers: buckets, charts, pictures, exports."""
