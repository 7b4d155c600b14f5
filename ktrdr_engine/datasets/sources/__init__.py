"""Where prices come from, one module a source; `finding` knows them all."""
