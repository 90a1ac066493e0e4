"""One trainer for every network: recipes, data made on the fly, pluggable objectives, exact resuming."""
