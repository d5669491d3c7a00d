"""Between the engine's generators, rings and processes and Qt's signals."""
