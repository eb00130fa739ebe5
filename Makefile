# What a person types. Each target installs what is missing first (and says so), then calls cargo.
#
#   make up      start everything on this machine; ARGS="--ephemeral --port-base 0" and the like are handed on
#   make lab     who slows whom, and four known problems with their remedies: about seven minutes after the build, ends with findings
#                and the path of a report; the first run on a machine begins with the lab's own short tests
#   make compare  a shared database, HTTP calls and a commit log (Kafka) in one run, and which one is better in what: about half an hour
#   make reference  benches/results/reference/quick measured again: about an hour on a quiet machine; resumable; ARGS=standard
#   make test    all tests, on a Postgres of their own; the contract's once more with shared reads forced, and with none
#   make fuzz    Schemathesis against all five services, at least 2,000 cases each; ARGS="--service billing --seed 7"
#   make coupling  the services' dependencies against benches/results/reference/coupling.json; UPDATE_GOLDEN=1 accepts new ones
#   make docs    the documents as a site with a search, target/book/index.html: minutes the first time, for it builds mdBook
#   make check   what .ci/run does before the tests: format, lints, documentation

ARGS ?=

.PHONY: up lab compare reference test fuzz coupling docs check install-deps

up: install-deps
	cargo lab up $(ARGS)

lab: install-deps
	cargo run --release --bin lab -- run --preset demo $(ARGS)

compare: install-deps
	cargo build --release --workspace --bins
	cargo run --release --bin lab -- architectures $(ARGS)

reference: install-deps
	.ci/reference $(ARGS)

test: install-deps
	.ci/tests

fuzz: install-deps
	.ci/fuzz/run $(ARGS)

coupling: install-deps
	cargo build --bins
	cargo test --package lab --test it -- coupling:: --nocapture

docs:
	.ci/docs

check:
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

install-deps:
	@.ci/install-deps
