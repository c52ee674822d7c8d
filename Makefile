PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test quick lint bench docs wheel lock clean

# Without compiled modules every process spends 10 seconds on compiling TensorFlow and Keras.
unexport PYTHONDONTWRITEBYTECODE

# A stamp is newer than what it was made from, so a second call installs nothing and works offline.
# Modules are compiled when first imported: most of 20,000 never are, and compiling takes pip longest.
# What every training imports is compiled here, so that the first one starts at once.
$(VENV)/.base: pyproject.toml requirements-base.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements-base.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	$(BIN)/python -c "import keras, matplotlib.pyplot, pandas, scipy.stats, sklearn.ensemble" 2> /dev/null
	touch $@

$(VENV)/.installed: $(VENV)/.base requirements.lock
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements.lock
	touch $@

# A process a core, of up to 5 GB: threads of one that wait by spinning cost another its time.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=2 $(BIN)/python -m pytest -n logical --maxprocesses 3 --dist loadfile --no-loadscope-reorder

# What was compiled once is not compiled again, and what is compiled for a few steps need not be fast.
JAX = KERAS_BACKEND=jax XLA_FLAGS=--xla_backend_optimization_level=0 \
	JAX_COMPILATION_CACHE_DIR=$(CURDIR)/$(VENV)/jax-cache JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
	JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1

setup: $(VENV)/.installed

# Only what a training needs is installed; the extras, tests and documents have the rest.
demo: $(VENV)/.base
	$(BIN)/mlzoo train cnn digits

# Everything, and on JAX what depends on the backend.
test: setup
	$(PYTEST)
	$(JAX) $(PYTEST) -m backends tests/layers tests/losses tests/models tests/training tests/tuning

# The fast tests of what a change touches.
quick: setup
	$(PYTEST) -m "not slow" $$($(BIN)/python tests/changed.py)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/install.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/uncertainty.py
	$(BIN)/python benchmarks/physics.py
	$(BIN)/python benchmarks/cavity.py
	$(BIN)/python benchmarks/generative.py
	$(BIN)/python benchmarks/several_targets.py
	$(BIN)/python benchmarks/strong_tables.py
	$(BIN)/python benchmarks/strong_series.py
	$(BIN)/python benchmarks/control.py
	$(BIN)/python benchmarks/quantum.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/folds.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/large_tables.py
	$(BIN)/python benchmarks/decoded.py
	$(BIN)/python benchmarks/tiles.py
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/segmentation.py
	$(BIN)/python benchmarks/sequences.py
	$(BIN)/python benchmarks/lags.py
	$(BIN)/python benchmarks/buckets.py
	$(BIN)/python benchmarks/augmentation.py
	$(BIN)/python benchmarks/regularization.py
	$(BIN)/python benchmarks/resume.py
	$(BIN)/python benchmarks/tune.py
	$(BIN)/python benchmarks/strategies.py
	$(BIN)/python benchmarks/kills.py
	$(BIN)/python benchmarks/explain.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/pack.py
	$(BIN)/python benchmarks/trackers.py
	$(BIN)/python benchmarks/tracking_server.py
	$(BIN)/python benchmarks/transfer.py
	$(BIN)/python benchmarks/landscape.py
	$(BIN)/python benchmarks/demos.py
	$(BIN)/python benchmarks/pages.py
	$(BIN)/python benchmarks/distributed.py
	$(BIN)/python benchmarks/course.py
	$(BIN)/python benchmarks/gpu.py

# The site of the documents, in site/.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The wheel of the package, in dist/.
wheel: $(VENV)/.base
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# Refresh requirements.lock from pyproject.toml, and the part of it that a training needs.
COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet
lock: setup
	$(COMPILE) --extra jax --extra shap --extra hub --extra export --extra serve --extra ray --extra rl --group dev \
	  --output-file requirements.lock $(LOCKFLAGS)
	$(COMPILE) --group build --constraint requirements.lock --output-file requirements-base.lock

clean:
	rm -rf $(VENV)
