"""Training: data, loop, run folder, background job and distributed launch. Knows no screens."""
