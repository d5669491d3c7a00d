"""The state of the application: plain objects that the window makes and the pages are given; no widgets."""
