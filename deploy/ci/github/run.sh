#!/usr/bin/env bash
# The action's one step: builds Seawall from the action's own checkout when the cache has
# none, scans, and leaves reports where the workflow finds them. Exits as `seawall scan`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
seawall=${SEAWALL_BINARY:-$root/target/release/seawall}
if [[ ! -x $seawall ]]; then
    cargo build --release --locked --manifest-path "$root/Cargo.toml" --target-dir "$root/target"
fi

reports=${RUNNER_TEMP:-/tmp}
baseline=${SEAWALL_BASELINE:-${SEAWALL_BASE:-}}
arguments=(scan "${SEAWALL_PATH:-.}" --fail-on "${SEAWALL_FAIL_ON:-high}"
    -o github
    -o "sarif=$reports/seawall.sarif"
    -o "json=$reports/seawall.json")
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
    arguments+=(-o "markdown=$reports/seawall.md")
fi
if [[ -n $baseline && $baseline != none ]]; then
    arguments+=(--baseline "$baseline")
fi
read -r -a more <<<"${SEAWALL_ARGUMENTS:-}"

code=0
"$seawall" "${arguments[@]}" ${more[@]+"${more[@]}"} || code=$?
if [[ -n ${GITHUB_STEP_SUMMARY:-} && -f $reports/seawall.md ]]; then
    cat "$reports/seawall.md" >>"$GITHUB_STEP_SUMMARY"
fi
if [[ -n ${GITHUB_OUTPUT:-} ]]; then
    printf 'sarif=%s\njson=%s\n' "$reports/seawall.sarif" "$reports/seawall.json" >>"$GITHUB_OUTPUT"
fi
exit "$code"
