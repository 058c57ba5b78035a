# Every command a person types. Each is a script of the same subject in scripts/.
# PG=15 chooses the PostgreSQL major, PG_CONFIG=… names an installed one, TESTS=… filters tests by name, EVENT=… is an
# event of ours.

export PG PG_CONFIG TESTS ARGS EVENT
.DEFAULT_GOAL := help
.PHONY: help up down status psql logs sync demo clean test test-unit test-e2e bench fmt lint doc deps build install

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## build and start everything: a private cluster in .boxoffice, the worker on 127.0.0.1:8080
	@scripts/up
down: ## stop worker and server; the data stays
	@scripts/down
status: ## what runs, and where
	@scripts/status
psql: ## psql as the owner; ARGS='-c "…"' goes to it
	@scripts/psql $(ARGS)
logs: ## the end of the logs of worker and server
	@scripts/logs
sync: ## fetch everything from the platforms, with progress; EVENT=… for one event of ours
	@scripts/sync
demo: ## make up, a day on two fake platforms: webhooks, sync, reconciliation, analytics
	@scripts/demo
clean: ## stop, and delete .boxoffice with its cluster
	@scripts/clean

test: ## every test, on a temporary server; PG=18 for another PostgreSQL, TESTS=… for some
	@scripts/test unit e2e
test-unit: ## only those that need no server
	@scripts/test unit
test-e2e: ## only those on a real server with the real worker
	@scripts/test e2e
bench: ## what one webhook costs, step by step; QUICK=1 takes a minute
	@scripts/bench
fmt: ## format the code
	@cargo fmt --all
lint: ## formatting, clippy, shellcheck; warnings are errors
	@scripts/lint
doc: ## rustdoc; warnings are errors
	@scripts/doc

deps: ## install what building needs (apt)
	@scripts/deps
build: ## extension and worker, in release
	@scripts/build
install: ## install the extension into an existing PostgreSQL: PG_CONFIG=…
	@scripts/install-here
