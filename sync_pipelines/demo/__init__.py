"""The demo: every pipeline run against the sandbox, on a history that the UI can open afterwards."""
