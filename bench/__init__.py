"""What this project costs in time, memory and calls, beside other ways to do the same."""
