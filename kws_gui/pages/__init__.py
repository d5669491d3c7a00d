"""The pages: each receives the project model and builds on the widgets; none knows another."""
