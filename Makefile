# What BUILD files would hold: each program and each test by name, with the sources that it is made
# of. A test runs again only when one of its sources changed. tests/makefile_test.py fails if a test
# or a program is missing here, or one of its sources.
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

export KODAK_DIR GOLDEN_DIR

# --- Libraries: what an import brings in ---------------------------------------------------------------

BASE          := $(addprefix compression/,__init__.py configuration.py errors.py files.py npz.py)
CONTAINER     := $(BASE) compression/formats/rnic.py
DATASETS      := $(BASE) $(wildcard compression/datasets/*.py)
METRICS       := $(BASE) $(wildcard compression/metrics/*.py)
LAYERS        := $(BASE) compression/common/masks.py $(wildcard compression/layers/*.py)
IMAGE_CODER   := $(LAYERS) $(wildcard compression/codecs/recurrent/*.py)
ENTROPY_CODER := $(LAYERS) $(wildcard compression/entropy/bits/*.py)
MODELS        := $(wildcard models/*/*.* models/*/*/*.*)
REGISTRY      := $(IMAGE_CODER) $(MODELS) compression/codecs/model_folders.py
CODEC         := $(sort $(CONTAINER) $(DATASETS) $(ENTROPY_CODER) $(REGISTRY)) compression/codecs/recurrent/codec.py
PROGRAM       := $(sort $(CODEC) $(METRICS)) $(addprefix compression/,program.py jobs.py)
EVALUATION    := $(PROGRAM) compression/common/timing.py $(wildcard compression/evaluation/*.py)
EXPORTING     := $(CODEC) compression/common/timing.py $(wildcard compression/exporting/*.py)
REPORTING     := $(EVALUATION) $(wildcard compression/reporting/*.*)
SERVING       := $(BASE) compression/common/program.py $(wildcard compression/serving/*.py)
TRAINING      := $(PROGRAM) $(wildcard compression/training/*.py)

# What is in the folders $KODAK_DIR and $GOLDEN_DIR, and what the layers and networks must reproduce.
DATA_DIRS := $(BUILD)/data_dirs
GOLDEN    := $(wildcard tests/golden/*.py tests/golden/*/*) $(DATA_DIRS)

IMAGE_CODER_TEST := $(IMAGE_CODER) $(GOLDEN) tests/codecs/recurrent/conftest.py
TRAINING_TEST := $(TRAINING) tests/training/conftest.py
ENTROPY_CODER_TEST := $(ENTROPY_CODER) $(addprefix tests/entropy/bits/,examples.py reference.py)
REPORTING_TEST := $(REPORTING) $(addprefix tests/,exporting/examples.py reporting/examples.py)
EVALUATION_TEST := $(EVALUATION) tests/evaluation/examples.py
EXPORTING_TEST := $(EXPORTING) tests/exporting/examples.py
SERVING_TEST := $(SERVING) $(addprefix tests/serving/,conftest.py examples.py)
LAYER_TEST := $(LAYERS) $(GOLDEN) tests/layers/conftest.py

# --- Programs: `make NAME ARGS="..."` runs one -------------------------------------------------------

# The target of a program: its path without the folder that all have.
target = $(patsubst tools/%,%,$(patsubst compression/%,%,$(1)))

# $(call program,PATH,SOURCES,ARGUMENTS)
define program
PROGRAMS += $(1)
sources.$(1) := $(1).py $(2)
$(call target,$(1)): $(VENV_READY) $(1).py $(2)
	$$(RUN) -m $(subst /,.,$(1)) $(3) $$(ARGS)
endef

$(eval $(call program,compression/demo,$(REPORTING) compression/reporting/contact_sheet.py,$$(if $$(IMAGE),--image="$$(IMAGE)")))  ## Compress a photo at each quality, into demo/: IMAGE=photo.jpg
$(eval $(call program,compression/train,$(TRAINING)))  ## A model on photos: ARGS="--train_glob='photos/*.jpg' --train_dir=run"
$(eval $(call program,compression/train_bench,$(TRAINING)))  ## Speed of training, as ratios within one run: ARGS="--widths=0.25"
$(eval $(call program,compression/entropy/bits/train,$(TRAINING)))  ## An entropy coder on codes: ARGS="--codes=codes.tfrecord.gz --train_dir=run"
$(eval $(call program,compression/datasets/mine_tiles,$(DATASETS) compression/common/program.py))  ## The hardest tiles of photos, for training: ARGS="--images='photos/*.jpg' --output=tiles@8.tfrecord"
$(eval $(call program,compression/compress,$(PROGRAM)))  ## Photos to .rnic files: ARGS=photo.jpg
$(eval $(call program,compression/decompress,$(PROGRAM)))  ## .rnic files to photos: ARGS=photo.rnic
$(eval $(call program,compression/info,$(PROGRAM)))  ## What .rnic files hold: ARGS=photo.rnic
$(eval $(call program,compression/evaluate,$(EVALUATION)))  ## Networks and other codecs on photos, tables and plots: ARGS="--images='kodak/*.png'"
$(eval $(call program,compression/report,$(REPORTING)))  ## Photos at each iteration beside JPEG, as HTML: ARGS="--images='kodak/*.png' --output=report.html"
$(eval $(call program,compression/bench,$(PROGRAM) $(EXPORTING)))  ## Speed and memory, as ratios within one run
$(eval $(call program,compression/export,$(PROGRAM) $(EXPORTING)))  ## SavedModels for servers, TFLite for phones: ARGS="--export_dir=export --format=all"
$(eval $(call program,compression/serve,$(SERVING)))  ## Exported models, by gRPC and REST: ARGS="--model_base_path=export"
$(eval $(call program,tools/grpc_client,))  ## Compress on a server, by gRPC: ARGS="photo.jpg photo.rnic"
$(eval $(call program,tools/rest_client,))  ## Compress on a server, by REST: ARGS="photo.jpg photo.rnic"
$(eval $(call program,tools/tflite_decode,$(sort $(CONTAINER) $(DATASETS) $(ENTROPY_CODER) $(IMAGE_CODER)) $(addprefix compression/,program.py jobs.py)))  ## .rnic files to photos without TensorFlow, as an app does: ARGS="photo.rnic --decoder=export/tflite"
$(eval $(call program,tools/encoder,$(PROGRAM)))  ## The 2017 release's encoder.py: ARGS="--input_image=... --output_codes=..."
$(eval $(call program,tools/decoder,$(PROGRAM)))  ## The 2017 release's decoder.py: ARGS="--input_codes=... --output_directory=..."
$(eval $(call program,tools/msssim,$(PROGRAM)))  ## The 2017 release's msssim.py: ARGS="--original_image=... --compared_image=..."
$(eval $(call program,tools/entropy_coder_single,$(TRAINING)))  ## The 2017 release's entropy_coder_single.py: ARGS="--input_codes=... --checkpoint=..."
$(eval $(call program,tools/compare_entropy_coders,$(PROGRAM)))  ## Bytes saved and seconds: ARGS="--images='kodak/*.png' --coders=run/entropy_coder"
$(eval $(call program,tools/compare_architectures,$(sort $(TRAINING) $(EVALUATION))))  ## Recurrent units and frameworks, trained alike: ARGS="--train_glob='photos/*.jpg' --images='kodak/*.png' --output_dir=architectures"
$(eval $(call program,tools/compare_tflite,$(PROGRAM) $(EXPORTING)))  ## Bytes, seconds and quality of TFLite variants: ARGS="--images='kodak/*.png' --decoder=export/tflite"
$(eval $(call program,tools/gen_synthetic_dataset,$(DATASETS) compression/common/program.py))  ## The 2017 release's gen_synthetic_dataset.py: ARGS="--dataset_dir=..."
$(eval $(call program,tools/make_codes,$(PROGRAM)))  ## Codes of photos for an entropy coder: ARGS="--images='photos/*.jpg' --output=codes.tfrecord.gz"
$(eval $(call program,tools/test_sources,))  ## The sources of a test: ARGS=tests/formats/rnic_test.py

# --- Tests: `make tests/NAME` runs one ---------------------------------------------------------------

# $(call test,NAME,SOURCES)
define test
TESTS += $(1)
sources.tests/$(1) := $(2)
tests/$(1): $(BUILD)/tests/$(1).passed
	$$(RUN_STALE)
$(BUILD)/tests/$(1).passed $(BUILD)/tests/$(1).fast: tests/$(1).py $(2) $(EVERY_TEST)
	$$(eval STALE += $$<)
endef

EVERY_TEST := tests/conftest.py tests/pytest.ini $(VENV_READY)
EVERYTHING := $(shell find compression tests tools -name '*.py')

$(eval $(call test,container_test,$(CONTAINER) tests/formats/containers.py))
$(eval $(call test,container_damage_test,$(CONTAINER) tests/formats/containers.py))
$(eval $(call test,configuration_test,$(BASE)))
$(eval $(call test,masks_test,$(BASE) compression/common/masks.py $(GOLDEN)))
$(eval $(call test,files_test,$(BASE)))
$(eval $(call test,npz_test,$(BASE)))
$(eval $(call test,errors_test,$(filter compression/%,$(EVERYTHING)) $(MODELS)))
$(eval $(call test,program_test,$(BASE) compression/common/program.py))
$(eval $(call test,jobs_test,$(BASE) $(addprefix compression/,jobs.py program.py)))
$(eval $(call test,datasets/codes_test,$(DATASETS)))
$(eval $(call test,datasets/code_archives_test,$(DATASETS)))
$(eval $(call test,datasets/hard_tiles_test,$(DATASETS)))
$(eval $(call test,datasets/images_test,$(DATASETS) tests/images/examples.py))
$(eval $(call test,datasets/mine_tiles_test,$(sources.compression/datasets/mine_tiles)))
$(eval $(call test,datasets/mining_test,$(DATASETS)))
$(eval $(call test,datasets/pixels_test,$(DATASETS) tests/images/examples.py))
$(eval $(call test,datasets/record_source_test,$(DATASETS)))
$(eval $(call test,datasets/shards_test,$(DATASETS)))
$(eval $(call test,datasets/synthetic_codes_test,$(DATASETS)))
$(eval $(call test,datasets/tile_records_test,$(DATASETS)))
$(eval $(call test,datasets/tiles_test,$(DATASETS)))
$(eval $(call test,entropy_coder/integer_progressive_test,$(ENTROPY_CODER) $(GOLDEN) $(addprefix tests/entropy/bits/,progressive_reference.py progressive_test.py)))
$(eval $(call test,entropy_coder/packed_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/configs_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/models_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/fixed_point_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/integer_interlaced_test,$(ENTROPY_CODER_TEST)))
$(eval $(call test,entropy_coder/interlaced_test,$(ENTROPY_CODER_TEST)))
$(eval $(call test,entropy_coder/integer_model_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/probability_model_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/learned_test,$(CODEC) $(ENTROPY_CODER_TEST) tests/machines.py))
$(eval $(call test,entropy_coder/orders_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/range_coder_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/range_decoder_test,$(ENTROPY_CODER)))
$(eval $(call test,entropy_coder/progressive_test,$(ENTROPY_CODER) $(GOLDEN)))
$(eval $(call test,fuzz/mutated_files_test,$(CODEC) $(addprefix tests/entropy/bits/,examples.py)))
$(eval $(call test,entropy_coder/threads_test,$(ENTROPY_CODER)))
$(eval $(call test,metrics/published_test,$(METRICS)))
$(eval $(call test,metrics/bjontegaard_test,$(METRICS)))
$(eval $(call test,metrics/curves_test,$(METRICS)))
$(eval $(call test,metrics/pairs_test,$(METRICS)))
$(eval $(call test,metrics/psnr_hvs_test,$(METRICS) $(DATA_DIRS)))
$(eval $(call test,metrics/psnr_test,$(METRICS)))
$(eval $(call test,metrics/ssim_test,$(METRICS)))
$(eval $(call test,metrics/ms_ssim_test,$(METRICS)))
$(eval $(call test,metrics/release_ms_ssim_test,$(METRICS)))
$(eval $(call test,tools/tflite_decode_test,$(sort $(sources.tools/tflite_decode) $(EXPORTING)) tests/entropy/bits/examples.py tests/exporting/examples.py $(DATA_DIRS)))
$(eval $(call test,tools/msssim_test,$(sources.tools/msssim)))
$(eval $(call test,tools/encoder_test,$(sources.tools/encoder) tests/programs.py))
$(eval $(call test,tools/decoder_test,$(sources.tools/decoder) tests/programs.py))
$(eval $(call test,tools/test_sources_test,$(sources.tools/test_sources)))
$(eval $(call test,tools/compare_entropy_coders_test,$(sources.tools/compare_entropy_coders) tests/entropy/bits/examples.py))
$(eval $(call test,tools/compare_architectures_test,$(sources.tools/compare_architectures) tests/programs.py))
$(eval $(call test,tools/compare_tflite_test,$(sources.tools/compare_tflite) $(addprefix tests/,programs.py exporting/examples.py)))
$(eval $(call test,tools/gen_synthetic_dataset_test,$(sources.tools/gen_synthetic_dataset)))
$(eval $(call test,tools/make_codes_test,$(sources.tools/make_codes)))
$(eval $(call test,layers/associative_lstm_test,$(LAYER_TEST)))
$(eval $(call test,layers/binarizer_test,$(LAYER_TEST)))
$(eval $(call test,layers/code_length_test,$(LAYER_TEST)))
$(eval $(call test,layers/conv2d_lstm_test,$(LAYER_TEST)))
$(eval $(call test,layers/dense_blocks_test,$(LAYER_TEST)))
$(eval $(call test,layers/initializers_test,$(LAYER_TEST)))
$(eval $(call test,layers/interlaced_conv_test,$(LAYER_TEST)))
$(eval $(call test,layers/masked_conv_test,$(LAYER_TEST)))
$(eval $(call test,layers/operators_test,$(LAYER_TEST)))
$(eval $(call test,layers/gain_estimator_test,$(LAYER_TEST)))
$(eval $(call test,layers/gru_test,$(LAYER_TEST)))
$(eval $(call test,layers/lstm_test,$(LAYER_TEST)))
$(eval $(call test,layers/recurrent_cell_test,$(LAYER_TEST)))
$(eval $(call test,image_coder/archives_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/codec_test,$(IMAGE_CODER_TEST) $(CODEC)))
$(eval $(call test,image_coder/config_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/frameworks_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/golden_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/networks_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/runner_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/tiled_runner_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/tiling_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/weights_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,image_coder/widening_test,$(IMAGE_CODER_TEST)))
$(eval $(call test,registry_test,$(CODEC)))
$(eval $(call test,codec_test,$(CODEC) $(METRICS) $(DATA_DIRS)))
$(eval $(call test,machines_test,$(CODEC) tests/machines.py))
$(eval $(call test,evaluation/catalog_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/codecs_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/means_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/model_codecs_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/pillow_codecs_test,$(EVALUATION_TEST) $(DATA_DIRS)))
$(eval $(call test,evaluation/plots_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/points_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/results_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/runner_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/summary_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/tables_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/throughput_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluation/workers_test,$(EVALUATION_TEST)))
$(eval $(call test,evaluate_test,$(sources.compression/evaluate) tests/programs.py))
$(eval $(call test,benchmark_test,$(IMAGE_CODER) $(ENTROPY_CODER) compression/common/timing.py tests/entropy/bits/examples.py))
$(eval $(call test,contact_sheet_test,$(BASE) compression/reporting/contact_sheet.py))
$(eval $(call test,exporting/benchmark_test,$(EXPORTING_TEST)))
$(eval $(call test,exporting/checks_test,$(EXPORTING_TEST)))
$(eval $(call test,exporting/checksums_test,$(EXPORTING_TEST)))
$(eval $(call test,exporting/loops_test,$(EXPORTING_TEST)))
$(eval $(call test,exporting/packing_test,$(EXPORTING_TEST)))
$(eval $(call test,exporting/photos_test,$(EXPORTING_TEST)))
$(eval $(call test,exporting/rnic_test,$(EXPORTING_TEST)))
$(eval $(call test,exporting/saved_model_test,$(EXPORTING_TEST)))
$(eval $(call test,exporting/tflite_test,$(EXPORTING_TEST) $(METRICS)))
$(eval $(call test,exporting/tflite_player_test,$(EXPORTING)))
$(eval $(call test,exporting/warmup_test,$(EXPORTING_TEST)))
$(eval $(call test,export_test,$(sources.compression/export) $(addprefix tests/,programs.py exporting/examples.py)))
$(eval $(call test,reporting/browser_test,$(REPORTING_TEST) tests/reporting/browser.py tests/reporting/viewer.py))
$(eval $(call test,reporting/curves_test,$(REPORTING_TEST) tests/evaluation/examples.py))
$(eval $(call test,reporting/opponents_test,$(REPORTING_TEST)))
$(eval $(call test,reporting/page_test,$(REPORTING_TEST)))
$(eval $(call test,reporting/photos_test,$(REPORTING_TEST)))
$(eval $(call test,reporting/pictures_test,$(REPORTING_TEST)))
$(eval $(call test,report_test,$(sources.compression/report) $(addprefix tests/,evaluation/examples.py exporting/examples.py reporting/examples.py)))
$(eval $(call test,serving/errors_test,$(SERVING_TEST)))
$(eval $(call test,serving/grpc_service_test,$(SERVING_TEST)))
$(eval $(call test,serving/in_flight_test,$(SERVING_TEST)))
$(eval $(call test,serving/json_tensors_test,$(SERVING_TEST)))
$(eval $(call test,serving/models_test,$(SERVING_TEST)))
$(eval $(call test,serving/rest_test,$(SERVING_TEST)))
$(eval $(call test,serving/warmup_test,$(SERVING_TEST) $(EXPORTING)))
$(eval $(call test,serve_test,$(sort $(sources.compression/serve) $(EXPORTING_TEST) $(SERVING_TEST) $(addprefix tools/,grpc_client.py rest_client.py test_sources.py))))
$(eval $(call test,compress_test,$(sources.compression/compress) tests/programs.py))
$(eval $(call test,decompress_test,$(sources.compression/decompress) tests/programs.py))
$(eval $(call test,info_test,$(sources.compression/info) tests/programs.py))
$(eval $(call test,demo_test,$(sources.compression/demo) tests/programs.py))
$(eval $(call test,programs_test,$(sort $(foreach name,$(PROGRAMS),$(sources.$(name)))) tests/programs.py))
$(eval $(call test,training/benchmark_test,$(TRAINING_TEST)))
$(eval $(call test,training/average_test,$(TRAINING_TEST)))
$(eval $(call test,training/callbacks_test,$(TRAINING_TEST)))
$(eval $(call test,training/config_test,$(TRAINING_TEST)))
$(eval $(call test,training/console_test,$(TRAINING_TEST)))
$(eval $(call test,training/curriculum_test,$(TRAINING_TEST)))
$(eval $(call test,training/entropy_config_test,$(TRAINING_TEST)))
$(eval $(call test,training/entropy_run_test,$(TRAINING_TEST) compression/train_entropy.py tools/entropy_coder_single.py))
$(eval $(call test,training/entropy_trainer_test,$(TRAINING_TEST)))
$(eval $(call test,training/muon_test,$(TRAINING_TEST)))
$(eval $(call test,training/pipeline_test,$(TRAINING_TEST)))
$(eval $(call test,training/progress_test,$(TRAINING_TEST)))
$(eval $(call test,training/reports_test,$(TRAINING_TEST)))
$(eval $(call test,training/run_test,$(TRAINING_TEST)))
$(eval $(call test,training/schedule_test,$(TRAINING_TEST)))
$(eval $(call test,training/trainer_test,$(TRAINING_TEST)))
$(eval $(call test,training/workers_test,$(TRAINING_TEST) compression/train.py tests/training/processes.py))
$(eval $(call test,train_bench_test,$(sources.compression/train_bench)))
$(eval $(call test,train_test,$(sources.compression/train) $(addprefix tests/training/,conftest.py processes.py)))
$(eval $(call test,makefile_test,Makefile setup.py $(EVERYTHING) $(GOLDEN) $(MODELS)))

# All the tests that are due run at once, in a process for each processor, as TensorFlow takes seconds to
# import. tests/conftest.py writes the stamps of those that pass.
PYTEST = $(RUN) -m pytest --continue-on-collection-errors --stamps=$(BUILD)/tests
PROCESSES = $(if $(word 2,$(STALE)),--numprocesses=auto --maxprocesses=4 --dist=loadfile)
define RUN_STALE
$(if $(STALE),$(PYTEST) $(PROCESSES) $(CHOICE) $(STALE) $(ARGS),@echo 'Nothing to run: $@ passed, and no source has changed since.')
$(eval STALE :=)
endef

# --- Targets -----------------------------------------------------------------------------------------

help:  ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-21s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@awk -F '## ' '/^\$$\(eval \$$\(call program,.*## / \
	  {name = $$1; sub(/.*program,/, "", name); sub(/,.*/, "", name); sub(/^(compression|tools)\//, "", name); \
	   printf "  make %-21s %s\n", name, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo 'Tests, each with `make NAME`:'
	@printf '  %s\n' $(sort $(TESTS:%=tests/%))

venv: $(VENV_READY)  ## Install everything into .venv (PYTHON=... chooses the interpreter)

test: $(TESTS:%=$(BUILD)/tests/%.passed)  ## The tests whose sources changed (KODAK_DIR=... GOLDEN_DIR=... for more)
	$(RUN_STALE)

test-fast: $(TESTS:%=$(BUILD)/tests/%.fast)  ## The same, without the slow ones
	$(RUN_STALE)
test-fast: CHOICE := -m 'not slow'

bench-train: train_bench  ## The same as train_bench

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
	rm -rf $(VENV)

# One line for each program and test: its name, then its sources. tests/makefile_test.py reads it.
declarations:
	$(foreach name,$(PROGRAMS) $(TESTS:%=tests/%),$(info $(name) $(sources.$(name))))@:

# An interrupted install leaves `.partial`, and the next one starts from nothing.
$(VENV_READY): setup.py
	@for python in $(PYTHON); do \
	  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info < (3, 12))' \
	    2> /dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo 'No Python 3.9, 3.10 or 3.11 (with the module venv) among: $(PYTHON).' >&2; \
	  echo 'Install one, or name one: make PYTHON=/path/to/python3.11' >&2; \
	  exit 1; \
	fi; \
	if [ -e $(VENV)/.partial ] || [ "$$($(RUN) -V 2> /dev/null)" != "$$("$$found" -V)" ]; then \
	  rm -rf $(VENV); \
	fi; \
	mkdir -p $(VENV) && rm -f $@ && touch $(VENV)/.partial && \
	echo "Installing into $(VENV) with $$("$$found" -V): some minutes, some 3 GB" && \
	"$$found" -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --use-pep517 --editable '.[dev]'
	@rm -rf build *.egg-info
	@mv $(VENV)/.partial $@

# The tests that need one of these folders are due when it changes.
$(DATA_DIRS): FORCE
	@mkdir -p $(@D)
	@echo '$(KODAK_DIR) $(GOLDEN_DIR)' | cmp -s - $@ || echo '$(KODAK_DIR) $(GOLDEN_DIR)' > $@

.PHONY: FORCE help venv test test-fast bench-train lint format type dist clean distclean declarations \
  $(call target,$(PROGRAMS)) $(TESTS:%=tests/%)
