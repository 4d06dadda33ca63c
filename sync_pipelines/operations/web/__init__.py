"""What is served to browsers: Dagster's UI, behind a gate of ours."""
