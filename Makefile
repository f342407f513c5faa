# make help lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
BOOK := _build/built

# `make TORCH=cpu ...` takes PyTorch's CPU build; plain pip takes the CUDA build on Linux.
ifeq ($(TORCH),cpu)
PIP_EXTRA := --extra-index-url https://download.pytorch.org/whl/cpu
else ifneq ($(TORCH),)
$(error TORCH=$(TORCH) is not known: say TORCH=cpu, or leave it out)
endif

# Tests and chapters run side by side, so each gets one thread for the linear algebra; what runs alone gets two.
OMP_NUM_THREADS ?= 2
export OMP_NUM_THREADS
book test quick: OMP_NUM_THREADS := 1

# As many processes as there are cores, four at most; what shares a page or a fixture stays in one of them.
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

# Sphinx's execution cache looks at the chapters only. This file's name changes with everything
# else that decides what their cells print, so a change there throws the cache away.
CALCULATION := requirements.txt $(shell find grokutil -type f -not -path '*/.*' -not -name '*.pyc')
EXECUTED_WITH := _build/executed-with-$(shell cat $(CALCULATION) | cksum | cut -d ' ' -f 1)
CHAPTERS := $(shell find book -type f -not -path '*/.*' -not -path 'book/assignments/*' -not -path 'book/live/*' -not -path 'book/lectures/*' -not -name '*.pyc')
LECTURES := _build/html/lectures/index.html

.PHONY: help book lectures test quick lab assignments grade exam results pdf claims mutants benchmark vendor live clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(BOOK) ## build the book, executing its chapters
	@echo 'The book is at _build/html/index.html'
	@echo 'Serve it with: $(BIN)/python -m http.server -d _build/html'

lectures: $(LECTURES) ## build slides, plans, sheets and the figure pack from the built book; PDF=1 prints them too
	$(if $(PDF),$(BIN)/python book/lectures/print.py)
	@echo 'The lectures are at $(LECTURES)'

test: $(BOOK) $(LECTURES) ## test everything: style, types, grokutil, the book, the book in a browser
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

quick: $(INSTALLED) ## test what needs neither the built book nor much time
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not slow and not book and not browser'

lab: $(INSTALLED) ## open the chapters as notebooks in JupyterLab
	$(BIN)/python book/lab_settings.py
	JUPYTER_CONFIG_DIR='$(CURDIR)/$(VENV)/etc/jupyter' $(BIN)/jupyter lab book/intro.md

assignments: $(INSTALLED) ## write what students get, for all or for the ids in IDS=file
	$(BIN)/python -m grokutil.course assignments $(if $(IDS),--ids '$(IDS)')

grade: $(INSTALLED) ## grade the submissions in DIR=folder (ID/SET.ipynb); IDS, SET, AGAIN, SANDBOX: book/teaching.md
	@test -n '$(DIR)' || { echo 'Say which folder: make grade DIR=submissions'; exit 1; }
	$(BIN)/python -m grokutil.course grade '$(DIR)' $(if $(IDS),--ids '$(IDS)') \
		$(foreach set,$(SET),--set '$(set)') $(foreach id,$(AGAIN),--again '$(id)') $(if $(SANDBOX),--sandbox '$(SANDBOX)')

exam: $(INSTALLED) ## write a paper and its solutions for each of the ids in IDS=file; ONLY="1 4 7" takes these questions
	@test -n '$(IDS)' || { echo 'Say for whom: make exam IDS=ids.txt'; exit 1; }
	$(BIN)/python -m grokutil.course exam --ids '$(IDS)' $(if $(ONLY),--only $(ONLY))

results: $(INSTALLED) ## compute the stored results in grokutil/results again
	$(BIN)/python -m grokutil.results

pdf: $(INSTALLED) ## print the book as one PDF, building it first (needs TeX; says which packages when they are missing)
	@$(BIN)/python book/pdf.py --check
	$(MAKE) book
	$(BIN)/python book/pdf.py

claims: $(INSTALLED) ## check each claim of the ledger anew, or those in NAMES="ids chapters"
	$(BIN)/python -m grokutil.claims $(NAMES)

mutants: $(INSTALLED) ## break each formula, see what notices; STORE=1 stores it; STALE=1 tries what has changed
	$(BIN)/python -m tests.mutants $(if $(STALE),--stale) $(if $(STORE),--output grokutil/results/mutants/mutants.jsonl)

benchmark: $(INSTALLED) ## measure speed and memory, side by side; ALL=1 takes half an hour and stores the result
	$(BIN)/python -m grokutil.benchmarks $(if $(ALL),--all --output grokutil/results/performance/benchmarks.json)

vendor: $(INSTALLED) ## fetch the browser libraries in book/static/vendor again (needs npm)
	$(BIN)/python book/vendor.py

live: ## build what computes in the reader's browser, book/static/live, from book/live (needs npm)
	cd book/live && npm ci --ignore-scripts --no-audit --no-fund && node build.mjs

clean: ## remove what was built; the installed packages stay
	rm -rf _build .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '$(PYTHON) is missing or older than 3.11. Name a newer one: make PYTHON=python3.12 book'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_EXTRA) -r requirements.txt
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@touch $@

$(EXECUTED_WITH):
	rm -rf _build/.jupyter_cache _build/executed-with-*
	@mkdir -p _build
	@touch $@

# --all, because pages that Sphinx takes from an earlier build keep silent about their warnings.
$(BOOK): _config.yml _toc.yml CITATION.cff $(CHAPTERS) $(EXECUTED_WITH) $(INSTALLED)
	TQDM_DISABLE=1 $(BIN)/jupyter-book build . --all -W -n --keep-going
	@touch $@

$(LECTURES): $(BOOK) $(shell find book/lectures -type f -not -path '*/__pycache__/*')
	rm -rf $(@D)
	$(BIN)/python -m sphinx -b revealjs -E -q -W --keep-going -d _build/lectures-doctrees book/lectures $(@D)
	@touch $@
