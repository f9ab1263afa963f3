# Live training sessions: trainers open them, trainees join by code, values stream to all.
# Read in this order: model, repository, service, web.
