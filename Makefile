# Every command a person types. Each is a script of the same subject in scripts/.
# PG=15 chooses the PostgreSQL major, PG_CONFIG=… names an installed one, TESTS=… filters tests by name.

export PG PG_CONFIG TESTS ARGS EVENT PLATFORM FORCE SALES EVENTS REPEAT
.DEFAULT_GOAL := help
.PHONY: help up down status psql logs sync webhook clean demo demo-psql demo-clean \
	test test-unit test-e2e bench bench-data bench-analytics fmt lint doc deps build install

help: ## this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Every day
up: ## build and start everything: a private cluster in .boxoffice, the worker on 127.0.0.1:8080; again after each change
	@scripts/up
down: ## stop worker and server; the data stays
	@scripts/down
psql: ## psql as the owner; ARGS='-c "…"' goes to it
	@scripts/psql $(ARGS)
sync: ## fetch everything from the platforms, with progress; EVENT=… for one event of yours
	@scripts/sync

##@ When something is wrong
status: ## what runs, where, and what needs attention; exit code 3 when something is down
	@scripts/status
logs: ## the end of the logs of worker and server, and what comes; LINES=… for more
	@scripts/logs
webhook: ## send a signed sample and say what became of it; PLATFORM=humanitix EVENT=order.created
	@scripts/webhook

##@ To look around
demo: ## a season of comedy nights on two fake platforms, in a database of its own; needs no make up
	@scripts/demo
demo-psql: ## psql in the demo's database; ARGS='-c "…"' goes to it
	@scripts/psql --demo $(ARGS)
demo-clean: ## delete the demo
	@scripts/demo-clean

##@ For good
clean: ## say what is there, ask, then delete .boxoffice with its cluster; FORCE=1 does not ask
	@scripts/clean

##@ Development
test: ## every test, on a temporary server; PG=18 for another PostgreSQL, TESTS=… for some
	@scripts/test unit e2e
test-unit: ## only those that need no server
	@scripts/test unit
test-e2e: ## only those on a real server with the real worker
	@scripts/test e2e
bench: ## what one webhook costs, step by step; QUICK=1 takes a minute
	@scripts/bench
bench-data: ## sales for bench-analytics, in .boxoffice-bench; SALES=10000000 EVENTS=5000, goes on where it was stopped
	@scripts/bench-data
bench-analytics: ## the functions of analytics on them, beside the first version's views
	@scripts/bench-analytics
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
