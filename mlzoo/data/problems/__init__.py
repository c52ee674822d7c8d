"""Problems: differential equations with conditions on a domain, read from YAML."""
