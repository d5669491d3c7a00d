"""The Listen page: a model, a microphone and what was heard."""
