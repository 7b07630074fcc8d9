#!/usr/bin/env bash
# What each crate of an example costs to build from nothing, in CPU seconds: the table of docs/dependencies.md. Then what
# the feature `log` of controller-core brings along, in a line.
# CPU time and not wall time, so that a busy machine prints the same.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/rustc" <<WRAPPER
#!/usr/bin/env bash
# cargo calls it as: wrapper rustc arguments..
TIMEFORMAT='%U %S'
name=\$(printf '%s\n' "\$@" | grep -A1 -x -- --crate-name | tail -1)
exec 3>&2
{ time "\$@" 2>&3; } 2>"$folder/time.\$\$"
status=\$?
echo "\${name:-none} \$(cat "$folder/time.\$\$")" >>"$folder/costs"
exit \$status
WRAPPER
chmod +x "$folder/rustc"

started=$(date +%s)
CARGO_TARGET_DIR="$folder/target" RUSTC_WRAPPER="$folder/rustc" cargo build --quiet --example pod_watcher
wall=$(($(date +%s) - started))

awk -v wall="$wall" '
    NF >= 3 { cost[$1] += $2 + $3; total += $2 + $3 }
    END {
        printf "%.0f CPU seconds in %d s on this machine, debug build from nothing; crates above 1 s:\n\n", total, wall
        print "| crate | CPU seconds |"
        print "| --- | --- |"
        for (name in cost) if (cost[name] >= 1) printf "| %s | %.1f |\n", name, cost[name] | "sort -t\"|\" -k3 -rn"
    }' "$folder/costs"

crates() {
    cargo tree --quiet --package controller-core --edges normal --prefix none --format '{lib}' "$@" | sed 's, .*,,' | sort -u
}
comm -23 <(crates) <(crates --no-default-features --features anyhow,schema) >"$folder/of-log"
awk '
    FNR == NR { of_log[$1]; next }
    $1 in of_log { cost[$1] += $2 + $3; total += $2 + $3 }
    END {
        printf "\nfeature log: %.1f CPU seconds", total
        for (name in cost) printf ", %s %.1f", name, cost[name]
        print ""
    }' "$folder/of-log" "$folder/costs"
