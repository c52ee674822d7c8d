"""Model plug-ins: each exports `Config` and `build(config, inputs, outputs) -> keras.Model`."""
