# make demo        compare two storage classes on an embedded cluster, and print the table
# make test        format, lint, types, import rules, tests: no root, no cluster
# make services    tests with a Prefect server and worker, a browser, Postgres, each command of the docs
# make binaries    compile Kubernetes for the testbed, once
# make e2e         what only a real cluster shows: on $KUBECONFIG's, else on three testbeds (root, Go)
# make demo-real   the demo on a testbed
# make up          Prefect's page with every deployment: an embedded cluster, or $KUBECONFIG's
# make down        end it
# make clean       remove what these made

PYTHON ?= python3
BIN := .venv/bin
# The fio image that the cluster's nodes have, and where testbeds keep theirs.
export STORMARK_E2E_IMAGE ?= stormark/fio:testbed
TESTBED := $(or $(STORMARK_TESTBED),/var/lib/stormark-testbed)
# Tests of a real cluster, the longest first. Storms come one after the other: they drain nodes.
STORMS := tests/storms/test_matrix.py tests/storms/test_one_pod.py tests/real
ON_A_CLUSTER := $(BIN)/pytest -n 2 --dist loadgroup tests/e2e && $(BIN)/pytest $(STORMS)
# Without a cluster, each of three workers has a testbed of its own; mostly they wait for storms.
ON_TESTBEDS := env STORMARK_E2E_TESTBEDS=$(TESTBED):$(TESTBED)-second:$(TESTBED)-third \
	STORMARK_TESTBED=$(TESTBED)-third $(BIN)/python -m testbed run --csi -- \
	env STORMARK_TESTBED=$(TESTBED)-second $(BIN)/python -m testbed run --csi -- \
	env STORMARK_TESTBED=$(TESTBED) $(BIN)/python -m testbed run --csi -- \
	$(BIN)/pytest -n 3 --dist loadgroup --max-worker-restart 0 $(STORMS) tests/e2e

# Tests of the testbed's own parts, as root, on a machine that has what it installs.
OF_TESTBED := $(addprefix tests/testbed/test_,scripts.py devices.py power.py csi.py crash.py)
# Tests that wait for services of their own.
SERVICES := $(addprefix tests/flows/test_,deployment.py page.py password.py team.py documents.py) tests/cli/test_up.py \
	tests/reports/test_browser.py tests/benchmarks/test_campaign.py

.PHONY: demo test services binaries e2e demo-real up down clean fio busybox busyboxes postgres chromium

demo: .venv/run fio
	$(BIN)/stormark demo

test: .venv/dev fio busybox busyboxes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/shellcheck manifests/*.sh testbed/*/*.sh testbed/*/*/*.sh
	env -u KUBECONFIG $(BIN)/pytest -n 3 --dist loadgroup --ignore tests/real \
		$(addprefix --ignore ,$(OF_TESTBED) $(SERVICES))

services: .venv/dev fio postgres chromium
	env -u KUBECONFIG $(BIN)/pytest -n 2 --dist loadgroup $(SERVICES)

# What a testbed is compiled of Go modules, unless that was done: minutes, out of the way of others.
binaries: .venv/run
	nice -n 19 $(BIN)/python -m testbed build --csi

# Where no cluster is given, the testbed itself is tested first, and ended if it was up.
e2e: .venv/dev busyboxes
	$(if $(KUBECONFIG),,env STORMARK_TESTBED_E2E=1 $(BIN)/pytest $(OF_TESTBED))
	$(if $(KUBECONFIG),$(ON_A_CLUSTER),$(ON_TESTBEDS))

demo-real: .venv/run
	$(BIN)/python -m testbed run -- $(BIN)/stormark demo --real --image stormark/fio:testbed

up: .venv/run fio
	@! kill -0 "$$(cat .up/pid 2>/dev/null)" 2>/dev/null || { cat .up/log; echo "it is up already"; exit 1; }
	@mkdir -p .up && : >.up/log
	@setsid --fork sh -c 'echo $$$$ >.up/pid; exec $(BIN)/stormark up >.up/log 2>&1'
	@until grep -q '^http' .up/log; do kill -0 "$$(cat .up/pid)" || { cat .up/log; exit 1; }; sleep 0.2; done
	@cat .up/log

down:
	@[ ! -f .up/pid ] || ! kill -TERM "$$(cat .up/pid)" || tail --pid="$$(cat .up/pid)" -f /dev/null
	@rm -f .up/pid

clean: down
	rm -rf .up .venv .busybox *.egg-info .mypy_cache .ruff_cache

.venv/run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stormark needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/dev: .venv/run
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,kubernetes]'
	touch $@

# The embedded cluster runs the machine's own fio.
fio:
	@command -v fio >/dev/null || { $(call install,fio,package fio); }

# The scripts of pods are tested in its shell as well as in the machine's.
busybox:
	@command -v busybox >/dev/null || { $(call install,busybox,package busybox); }

# Those of nodes are tested in both builds that Debian has, of which one can be installed.
busyboxes: .busybox/busybox .busybox/busybox-static

.busybox/%:
	@if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then $(call unpack,$*); \
		else echo "SKIPPED: tests in Debian's $*: there is no apt-get here"; fi

# A test uses Prefect's page in the machine's own browser.
chromium:
	@command -v chromium >/dev/null || { $(call install,chromium,package chromium); }

# A test serves Prefect on the machine's own Postgres, in a folder of its own.
postgres:
	@PATH="$$PATH:$$(echo /usr/lib/postgresql/*/bin | tr ' ' :)"; command -v initdb >/dev/null || \
		{ $(call install,postgresql,package postgresql or postgresql-server); }

# unpack,PACKAGE: the busybox of a Debian package, which is not installed.
define unpack
set -e; rm -rf .busybox/$(1).new; mkdir -p .busybox/$(1).new; cd .busybox/$(1).new; \
	apt-get download -qq $(1) || { apt-get update -qq; apt-get download -qq $(1); }; \
	dpkg-deb --extract *.deb .; mv $$(find . -path '*bin/busybox') ../$(1); cd ..; rm -r $(1).new
endef

# install,PACKAGE,HINT: as root by apt; for anybody else the word what is missing.
define install
[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || \
	{ echo "$(1) is missing: install it with your package manager (apt, dnf, brew: $(2))"; exit 1; }; \
	echo "installing $(1)"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null
endef
