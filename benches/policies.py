#!/usr/bin/env python3
"""Runs a pack of admission policies with Seawall and with Kyverno's CLI; compares verdicts.

    benches/policies.py OBJECTS.yaml POLICIES_DIR SEAWALL KYVERNO

Prints time, memory and what only one of the two says. Kyverno's CLI is built from the module
github.com/kyverno/kyverno, cmd/cli/kubectl-kyverno. Seawall judges the pods of workloads, too,
where a policy does not mean the workload itself; those are counted apart.
"""

import json
import resource
import subprocess
import sys
import time

import yaml


def timed(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    answer = subprocess.run(command, capture_output=True, text=True)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{command[0]}: {wall:.2f} s, {cpu:.2f} s of CPU, at most {after.ru_maxrss // 1024} MB")
    return answer.stdout


def seawall(binary, objects, policies):
    text = timed([binary, "scan", objects, "--policy", policies, "-o", "json"])
    own, pods = set(), set()
    for finding in json.loads(text)["findings"]:
        if finding["rule"].startswith("policy:"):
            asset = finding["asset"]
            key = (finding["rule"].removeprefix("policy:"), asset["kind"], asset["name"])
            (pods if finding["message"].startswith("its pods") else own).add(key)
    return own, pods


def kyverno(binary, objects, policies):
    text = timed([binary, "apply", policies, "--resource", objects, "--policy-report"])
    report = text[text.index("apiVersion:"):]
    # Kyverno's CLI puts a policy to kinds that it does not match, too; there it says "error".
    found, errors = set(), 0
    for document in yaml.safe_load_all(report):
        for result in (document or {}).get("results", []):
            errors += result["result"] == "error"
            if result["result"] == "fail":
                for thing in result.get("resources") or [document.get("scope")]:
                    found.add((result["policy"], thing["kind"], thing["name"]))
    print(f"{errors} errors")
    return found


def main():
    objects, policies, ours, theirs = sys.argv[1:]
    own, pods = seawall(ours, objects, policies)
    peer = kyverno(theirs, objects, policies)
    print(f"both {len(own & peer)}, only Seawall {len(own - peer)}, only Kyverno "
          f"{len(peer - own)}; pods of workloads {len(pods)}")
    for name, some in [("Seawall", own - peer), ("Kyverno", peer - own)]:
        for key in sorted(some)[:10]:
            print(f"  only {name}: {' '.join(key)}")


main()
