# A thin front over meson, the interpreter's recipe and the scripts; `make help` lists it.

BUILD ?= build
INTERPRETER := wasm-interpreters/python-3.11.wasm
prefix ?= /usr/local

# clang-19 when it is there; `make CC=gcc` is respected. Only the first configuration of $(BUILD) asks.
ifeq ($(origin CC),default)
CC := $(firstword $(shell command -v clang-19) cc)
endif

.PHONY: all help packages interpreter demo test test-cpython bench lint install clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) shannon

$(BUILD)/build.ninja:
	@scripts/install_packages.sh --check build
	CC="$(CC)" meson setup $(BUILD) --prefix "$(abspath $(prefix))"

help:
	@echo 'make               build $(BUILD)/shannon'
	@echo 'make interpreter   build $(INTERPRETER), CPython for the sandbox (minutes the first time)'
	@echo 'make demo          from a fresh clone to the first answers: packages, builds, services, tasks'
	@echo 'make test          all tests; the last line is "N passed, N failed"'
	@echo 'make test-cpython  all of CPython'"'"'s own tests in the sandbox, against the table in tests/conformance/cpython'
	@echo 'make bench         speed against native Python, as ratios'
	@echo 'make lint          formatting, shell scripts, include arrows'
	@echo 'make packages      install the Debian packages for all of these'
	@echo 'make install       to DESTDIR and prefix ($(prefix))'
	@echo 'make clean         remove $(BUILD) and the tests'"'"' build folders'

packages:
	@scripts/install_packages.sh

interpreter:
	@interpreters/cpython/build.sh --output $(INTERPRETER)

demo:
	@scripts/demo.sh

test:
	@tests/run

test-cpython: all interpreter
	@export $$(tests/fetch_dependencies.sh | grep SHANNON_CPYTHON_TESTS) && tests/conformance/cpython/run_all.py

bench:
	@bench/run.sh

lint:
	@scripts/lint.sh

install: all
	meson configure $(BUILD) -Dprefix="$(abspath $(prefix))"
	ninja -C $(BUILD) shannon # takes the prefix over from the configuration
	DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild
	if [ -f $(INTERPRETER) ]; then \
	  install -D -m 644 $(INTERPRETER) "$(DESTDIR)$(abspath $(prefix))/share/shannon/$(INTERPRETER)"; \
	else echo 'There is no interpreter yet; make interpreter and install again, or see scripts/setup_python_wasi.sh.'; fi

clean:
	rm -rf $(BUILD) build-sanitized build-fuzzing
