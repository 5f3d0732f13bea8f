# Ledger Link. GNU make 3.81 (macOS) and POSIX sh are enough. `make` alone lists the targets.

VENV     := .venv
BIN      := $(VENV)/bin
EMBEDDED := $(VENV)/.installed-embedded
DEV      := $(VENV)/.installed-dev
PYTHONS  := $(if $(PYTHON),$(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

.DEFAULT_GOAL := help
.PHONY: help run dev test test-mysql audit fuzz torture mutants bench bench-pages bench-admin bench-dashboard bench-api bench-metrics bench-tracing pictures image-steps restore-drill screenshots check format lock schema clean

# Installs one requirements file into the virtual environment: with uv where there is one.
define install
	@echo "Installing $(1) into $(VENV)"
	@if uv --version >/dev/null 2>&1; then \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python -r $(1); \
	else \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1); \
	fi
endef

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: $(EMBEDDED) ## migrate, load demo data and serve on http://127.0.0.1:8080 (APP_PORT)
	@$(BIN)/python manage.py seed_demo --migrate
	@exec $(BIN)/gunicorn -c config/gunicorn.conf.py ledgerlink.wsgi:application

dev: $(DEV) ## virtual environment with everything that tests and checks need

test: $(DEV) ## the whole suite, on SQLite and on MariaDB/MySQL + Redis (ARGS="-k posting")
	@$(BIN)/python -m tests.run $(ARGS)

test-mysql: $(DEV) ## the whole suite on Oracle MySQL + Redis, in a root of its own (root, Linux)
	@$(BIN)/python -m tests.run --engine mysql $(ARGS)

bench: $(DEV) ## how fast it is, in one table: requests a second, ratios, targets (BENCH_SECONDS=15)
	@$(BIN)/python -m bench

bench-pages: $(DEV) ## whether any page of an account with a million entries costs the same
	@$(BIN)/python -m bench.pages $(ARGS)

bench-admin: $(DEV) ## whether each list of the back-office is shown within 200 ms of a million rows
	@$(BIN)/python -m bench.admin $(ARGS)

bench-dashboard: $(DEV) ## whether the back-office's first page is shown within 300 ms
	@$(BIN)/python -m bench.dashboard $(ARGS)

bench-api: $(DEV) ## what each way of moving money costs beside a plain transfer; batch, PDF statement
	@$(BIN)/python -m bench.requests $(ARGS)

bench-metrics: $(DEV) ## what metrics cost: transfers a second with and without them
	@$(BIN)/python -m bench.metrics $(ARGS)

pictures: $(DEV) ## the dashboards as an operator sees them, from a real Prometheus, into docs/images
	@$(BIN)/python -m tests.monitoring.pictures $(ARGS)

bench-tracing: $(DEV) ## what traces cost: transfers a second without, of 5% and of all requests
	@$(BIN)/python -m bench.tracing $(ARGS)

fuzz: $(DEV) ## thousands of requests made up from the OpenAPI document, on each engine (SECONDS=600)
	@FUZZ_SECONDS=$(or $(SECONDS),600) $(BIN)/python -m tests.run tests/e2e/test_openapi.py -s

torture: $(DEV) ## kills, outages and faults again and again, each round with another seed (SECONDS=3600)
	@TORTURE_SECONDS=$(or $(SECONDS),3600) $(BIN)/python -m tests.torture $(ARGS)

mutants: $(DEV) ## small errors put into the posting engine and the balances: do the tests see them?
	@$(BIN)/python -m tests.mutants $(ARGS)

image-steps: $(DEV) ## build and run the image without a container engine (root, Linux)
	@$(BIN)/python -m tests.image.steps

restore-drill: $(DEV) ## back up, lose, restore and prove the books, on MariaDB
	@$(BIN)/python -m tests.run --engine mariadb tests/compose/test_restore.py -s

screenshots: $(DEV) ## pictures of the back-office for the documents, in docs/images
	@$(BIN)/python -m tests.browser.screenshots

check: $(DEV) ## lint, formatting, types, Dockerfile, system checks, migrations, the OpenAPI document
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/hadolint Dockerfile config/otel/Dockerfile
	$(BIN)/docker-compose --env-file /dev/null config --quiet
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn > /dev/null

format: $(DEV) ## format the code and apply the linter's safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(DEV) ## resolve requirements-lock.txt again from the requirements files
	@{ echo "# Every package of the project, pinned: constraints for requirements*.txt." \
	        "Made by: make lock"; \
	  cat requirements-embedded.txt requirements.txt requirements-dev.txt | grep -v '^-[cr]' \
	  | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-config \
	    --no-annotate --no-header --no-emit-index-url - | sed '/^-/d'; } > $(VENV)/lock.txt
	@grep -q '^django==' $(VENV)/lock.txt
	@cmp -s $(VENV)/lock.txt requirements-lock.txt || cp $(VENV)/lock.txt requirements-lock.txt

audit: $(DEV) ## which pinned packages have a newer version, of those that would still do
	@sed -n -e 's/^\([^#]*==[0-9]*\.[0-9]*\)\.[0-9.]* /\1 /' -e 's/^\([^#]*\)==\([^ ]*\) .*/\1~=\2/p' \
	    requirements-embedded.txt requirements.txt requirements-dev.txt \
	  | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-config \
	    --no-annotate --no-header --no-emit-index-url - > $(VENV)/newest.txt
	@grep -q '^django==' $(VENV)/newest.txt
	@sed '/^[#-]/d' requirements-lock.txt | diff - $(VENV)/newest.txt | grep '^[<>]' \
	  || echo "Every package is at its newest."

schema: $(DEV) ## write docs/openapi.yaml anew from the code
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

clean: ## remove the virtual environment and caches; var/ (the data) stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis mutants staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The development set holds the embedded one, so it stamps both: neither target undoes the other.
$(EMBEDDED): requirements-embedded.txt requirements-lock.txt | $(BIN)/python
	$(call install,requirements-embedded.txt)
	@touch $@

$(DEV): requirements-dev.txt requirements.txt requirements-embedded.txt requirements-lock.txt \
        | $(BIN)/python
	@$(BIN)/python -m bench.servers.packages mysql-headers
	$(call install,requirements-dev.txt)
	@touch $(EMBEDDED) $@

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  rm -rf $(VENV); \
	  if uv --version >/dev/null 2>&1; then \
	    uv venv --quiet --python "$$("$$python" -c 'import sys; print(sys.executable)')" $(VENV) \
	      && exit 0; \
	  elif "$$python" -c 'import ensurepip' 2>/dev/null; then \
	    "$$python" -m venv $(VENV) && exit 0; \
	  else \
	    echo "$$python has no venv module: run  apt-get install python3-venv  (as root)." >&2; \
	  fi; \
	  exit 1; \
	done; \
	echo "Ledger Link needs Python 3.11 or newer. Name one with  make PYTHON=/path/to/python ..." >&2; \
	exit 1
