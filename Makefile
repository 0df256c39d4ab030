# Two commands matter: `make run` and `make test`. Everything else is a part of them.
# A machine needs Rust (rustup), Node (for npm, once, to fetch the engine), a C compiler and make.
.DEFAULT_GOAL := help
# Where cargo builds.
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
.PHONY: help run test test-slow engine bench bench-root-cause lint docs advisories image

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build, then serve with a simulated bank beside it; Ctrl-C ends both
	@exec scripts/run.sh

test: engine ## Every test, the embedded engine included
	@exec cargo test --workspace --locked --no-fail-fast

test-slow: engine ## Tests of many minutes on a release build: what is usual is learnt first; ten minutes of load and kills
	@cargo build --release --locked --package throughline
	@THROUGHLINE_BINARY=$(TARGET)/release/throughline exec cargo test --locked --package throughline --test whole -- --ignored --test-threads 1

engine: ## Bring the embedded ClickHouse engine into the cache folder
	@exec scripts/engine.sh

bench: engine ## Speed, time to the answer, memory; with the machine's own figures beside
	@cargo build --release --locked --package throughline --package throughline-bench
	@exec $(TARGET)/release/throughline-bench --binary $(TARGET)/release/throughline $(BENCH)

bench-root-cause: ## How often the cause is named: faults of the bank and of made-up systems, what each method is worth (ARGS="ablation purposes"), healthy days, and recorded faults where THROUGHLINE_DATASETS is set; ARGS=--quick for few of each
	@cargo run --release --locked --package throughline-bench-root-cause -- $(ARGS)

lint: ## Formatting, clippy, dependencies, documentation; warnings are errors
	@exec scripts/lint.sh

docs: ## The documentation of all crates, in target/doc
	@exec cargo doc --workspace --no-deps --locked

advisories: ## Known vulnerabilities of dependencies (fetches the RustSec database: needs the network)
	@exec cargo deny check advisories

image: ## The container image throughline:<version>, by docker (IMAGE=name:tag names it otherwise)
	@docker build --file deploy/Dockerfile --tag $(or $(IMAGE),throughline:$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)) .
