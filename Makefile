# What BUILD files would hold: each program and each test by name. tools/dependencies.py reads in the
# imports what each is made of; a test runs again only when one of its sources changed.
#
# Needs GNU make and Python 3.9, 3.10 or 3.11; everything else is installed into .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VENV   ?= .venv
PYTHON ?= python3.11 python3.10 python3.9 python3
BUILD  := .build

VENV_READY := $(VENV)/.complete
RUN        := $(VENV)/bin/python
CODE       := compression tests tools setup.py
DATA_DIRS  := $(BUILD)/data_dirs
WEB_READY  := web/node_modules/.package-lock.json

export KODAK_DIR GOLDEN_DIR

# PROGRAMS and TESTS, their paths without .py, and of each the sources: sources.PATH.
ifneq ($(filter-out clean distclean,$(or $(MAKECMDGOALS),help)),)
include $(BUILD)/dependencies.mk
endif

# --- Programs: `make NAME ARGS="..."` runs one -------------------------------------------------------

demo:  ## Compress a photo at each quality, into demo/: IMAGE=photo.jpg
compress:  ## Photos to .rnic files: ARGS=photo.jpg
decompress:  ## .rnic files to photos: ARGS=photo.rnic
info:  ## What .rnic files hold: ARGS=photo.rnic
train:  ## A model on photos, of the recurrent codec or another (--codec): ARGS="--train_glob='photos/*.jpg' --train_dir=run"
train_entropy:  ## An entropy coder on codes: ARGS="--codes=codes.tfrecord.gz --train_dir=run"
mine_tiles:  ## The hardest tiles of photos, for training: ARGS="--images='photos/*.jpg' --output=tiles@8.tfrecord"
archive:  ## Archives past one machine, by Apache Beam: ARGS="compress --images='photos/**.jpg' --output_dir=files"
make_codes:  ## Codes of photos for an entropy coder: ARGS="--images='photos/*.jpg' --output=codes.tfrecord.gz"
evaluate:  ## Networks and other codecs on photos, tables and plots: ARGS="--images='kodak/*.png'"
report:  ## Photos at each iteration beside JPEG, as HTML: ARGS="--images='kodak/*.png' --output=report.html"
bench:  ## Speed and memory, as ratios within one run
train_bench:  ## Speed of training, as ratios within one run: ARGS="--widths=0.25"
bench-train: train_bench  ## The same
export:  ## SavedModels for servers, TFLite for phones: ARGS="--export_dir=export --format=all"
serve:  ## Exported models, by gRPC and REST: ARGS="--model_base_path=export"
grpc_client:  ## Compress on a server, by gRPC: ARGS="photo.jpg photo.rnic"
rest_client:  ## Compress on a server, by REST: ARGS="photo.jpg photo.rnic"
tflite_decode:  ## .rnic files to photos without TensorFlow, as an app does: ARGS="photo.rnic --decoder=export/tflite"
join_qualities:  ## One model of several runs of a codec with a quality each: ARGS="--models=1/model,2/model --output=model"
compare_architectures:  ## Recurrent units and frameworks, trained alike: ARGS="--train_glob='photos/*.jpg' --images='kodak/*.png' --output_dir=architectures"
compare_entropy_coders:  ## Bytes saved and seconds: ARGS="--images='kodak/*.png' --coders=run/entropy_coder"
compare_tflite:  ## Bytes, seconds and quality of TFLite variants: ARGS="--images='kodak/*.png' --decoder=export/tflite"
encoder:  ## The 2017 release's encoder.py: ARGS="--input_image=... --output_codes=..."
decoder:  ## The 2017 release's decoder.py: ARGS="--input_codes=... --output_directory=..."
msssim:  ## The 2017 release's msssim.py: ARGS="--original_image=... --compared_image=..."
entropy_coder_single:  ## The 2017 release's entropy_coder_single.py: ARGS="--input_codes=... --checkpoint=..."
gen_synthetic_dataset:  ## The 2017 release's gen_synthetic_dataset.py: ARGS="--dataset_dir=..."
dependencies:  ## What a file is made of: ARGS=tests/formats/rnic_test.py

demo: ARGS += $(if $(IMAGE),--image="$(IMAGE)")

define program
$(notdir $(1)): $(VENV_READY) $(1).py $(sources.$(1))
	$$(RUN) -m $(subst /,.,$(1)) $$(ARGS)
endef
$(foreach path,$(PROGRAMS),$(eval $(call program,$(path))))

# --- Tests: `make tests/NAME` runs one ---------------------------------------------------------------

define test
$(1): $(BUILD)/$(1).passed
	$$(RUN_STALE)
$(BUILD)/$(1).passed $(BUILD)/$(1).fast: $(1).py $(sources.$(1)) tests/pytest.ini $(VENV_READY) \
    $(if $(filter web/package.json,$(sources.$(1))),| $(WEB_READY))
	$$(eval STALE += $$<)
endef
$(foreach path,$(TESTS),$(eval $(call test,$(path))))

# All the tests that are due run at once, in a process for each processor, as TensorFlow takes seconds to
# import. tests/conftest.py writes the stamps of those that pass.
PYTEST = $(RUN) -m pytest --continue-on-collection-errors --stamps=$(BUILD)/tests
PROCESSES = $(if $(word 2,$(STALE)),--numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder)
define RUN_STALE
$(if $(STALE),$(PYTEST) $(PROCESSES) $(CHOICE) $(STALE) $(ARGS),@echo 'Nothing to run: $@ passed, and no source has changed since.')
$(eval STALE :=)
endef

# --- Targets -----------------------------------------------------------------------------------------

help:  ## What can be made
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  make %-23s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo 'Tests, each with `make NAME`:'
	@printf '  %s\n' $(TESTS)

venv: $(VENV_READY)  ## Install everything into .venv (PYTHON=... chooses the interpreter)

test: $(TESTS:%=$(BUILD)/%.passed)  ## The tests whose sources changed (KODAK_DIR=... GOLDEN_DIR=... for more)
	$(RUN_STALE)

test-fast: $(TESTS:%=$(BUILD)/%.fast)  ## The same, without the slow ones
	$(RUN_STALE)
test-fast: CHOICE := -m 'not slow'

lint: $(VENV_READY)  ## Check style and format
	$(VENV)/bin/ruff check --config tools/lint/ruff.toml $(CODE)
	$(VENV)/bin/ruff format --check --config tools/lint/ruff.toml $(CODE)

format: $(VENV_READY)  ## Rewrite the sources in that style
	$(VENV)/bin/ruff check --config tools/lint/ruff.toml --select I --fix $(CODE)
	$(VENV)/bin/ruff format --config tools/lint/ruff.toml $(CODE)

type: $(VENV_READY)  ## Check types
	$(VENV)/bin/mypy --config-file tools/lint/mypy.ini

dist: $(VENV_READY)  ## Build the wheel, the released models inside, into .build/dist
	rm -rf build
	$(RUN) -m pip wheel --disable-pip-version-check --no-deps --wheel-dir $(BUILD)/dist .
	rm -rf build *.egg-info

clean:  ## Remove what was built, and the memory of what passed
	rm -rf $(BUILD) build *.egg-info

distclean: clean  ## Remove .venv too
	rm -rf $(VENV) web/node_modules

# Shell: `$$python` becomes the first of these interpreters that fits.
define FIND_PYTHON
for python in $(1); do \
  "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info < (3, 12))' \
    2> /dev/null && break; \
  python=; \
done; \
if [ -z "$$python" ]; then \
  echo 'No Python 3.9, 3.10 or 3.11 (with the module venv) among: $(PYTHON).' >&2; \
  echo 'Install one, or name one: make PYTHON=/path/to/python3.11' >&2; \
  exit 1; \
fi
endef

# An interrupted install leaves `.partial`, and the next one starts from nothing. uv unpacks several
# packages at a time, and once for all clones; where it finds none (it does not read pip's settings),
# pip does. Bytecode is made of what is imported, when it is: that is a third of it.
$(VENV_READY): setup.py
	@$(call FIND_PYTHON,$(PYTHON)); \
	if [ -e $(VENV)/.partial ] || [ "$$($(RUN) -V 2> /dev/null)" != "$$("$$python" -V)" ]; then \
	  rm -rf $(VENV); \
	fi; \
	mkdir -p $(VENV) && rm -f $@ && touch $(VENV)/.partial && \
	echo "Installing into $(VENV) with $$("$$python" -V): some minutes, some 3 GB" && \
	"$$python" -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --no-compile uv
	$(VENV)/bin/uv pip install --quiet --python $(RUN) --editable '.[dev]' || \
	$(RUN) -m pip install --disable-pip-version-check --use-pep517 --no-compile --editable '.[dev]'
	@rm -rf build *.egg-info
	@mv $(VENV)/.partial $@

# What runs the networks in browsers. Without npm, or what it asks, the tests that need it skip.
$(WEB_READY): $(wildcard web/package-lock.json)
	@if command -v npm > /dev/null; then npm ci --prefix=web --no-audit --no-fund --silent; fi || true

# Depends on folders too, which change when files come and go. (A time in the future, and make would
# read its files for ever.)
$(BUILD)/dependencies.mk: $(if $(MAKE_RESTARTS),,tools/dependencies.py \
    $(shell find compression models tests tools -name __pycache__ -prune -o -print) \
    $(wildcard web web/*.*))
	@mkdir -p $(@D)
	@$(call FIND_PYTHON,$(RUN) $(PYTHON)); "$$python" tools/dependencies.py --make > $@

# The tests that need one of these folders are due when it changes.
$(DATA_DIRS): FORCE
	@mkdir -p $(@D)
	@echo '$(KODAK_DIR) $(GOLDEN_DIR)' | cmp -s - $@ || echo '$(KODAK_DIR) $(GOLDEN_DIR)' > $@

.PHONY: FORCE help venv test test-fast bench-train lint format type dist clean distclean \
  $(notdir $(PROGRAMS)) $(TESTS)
