"""Source plug-ins: each exports `Config`, `recognises(path) -> bool`, `load(config) -> Samples`."""
