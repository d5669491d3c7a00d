"""KWS Studio, the window: pages, forms and plots over the engine; holds no logic of its own."""
