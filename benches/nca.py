#!/usr/bin/env python3
"""Runs Seawall and network-config-analyzer side by side; compares time, memory and answers.

    benches/nca.py [-o OUT] [-t SECONDS] INPUT...

An input is np:WORKLOADS/POLICIES or istio:WORKLOADS/POLICIES, a made-up cluster with
NetworkPolicies or with Istio's AuthorizationPolicies and STRICT mutual TLS (the same bytes for
the same arguments), or a folder of plain manifests. A run may take SECONDS at most (default
900). Clusters and raw answers stay in OUT (default .cache/bench/nca). Seawall is
target/release/seawall, or what SEAWALL names; the other is what tests/oracle/build nca installs.

Both tell their whole map of connections as CSV. Then both are asked for the connections between
pods on some ports of every protocol, by numbers and not by text, and the answers are compared.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORTS = [53, 80, 443, 8080, 9090]
PROTOCOLS = ["TCP", "UDP", "SCTP"]


def meta(name, space=None, **labels):
    made = {"name": name}
    if space:
        made["namespace"] = space
    if labels:
        made["labels"] = labels
    return made


def cluster(kind, workloads, policies):
    """Services of some teams, as labelled and as fenced in as real ones."""
    chance = random.Random(f"{kind} {workloads} {policies}")
    spaces = [f"team-{n}" for n in range(max(2, workloads // 25))]
    objects = []
    for place, space in enumerate(spaces):
        labels = {"kubernetes.io/metadata.name": space, "stage": ["prod", "test"][place % 2]}
        if kind == "istio":
            labels["istio-injection"] = "enabled"
        objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(space, **labels)})
    places = []
    for number in range(workloads):
        name, space = f"app-{number}", spaces[number % len(spaces)]
        places.append((name, space))
        labels = {"app": name, "tier": ["web", "logic", "data"][number % 3]}
        pod = {"metadata": {"labels": labels}, "spec": {
            "serviceAccountName": name, "containers": [{"name": "main", "image": "example/app"}]}}
        objects.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name, space),
                        "spec": {"selector": {"matchLabels": {"app": name}}, "template": pod}})
    make = network_policy if kind == "np" else authorization_policy
    for number in range(policies):
        objects.append(make(chance, number, places, spaces))
    if kind == "istio":
        objects.append({"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
                        "metadata": meta("default", "istio-system"), "spec": {"mtls": {"mode": "STRICT"}}})
    return objects


def network_policy(chance, number, places, spaces):
    name, space = chance.choice(places)
    subject = {"app": name} if chance.random() < 0.8 else {"tier": chance.choice(["web", "logic", "data"])}

    def peer():
        dice = chance.random()
        if dice < 0.5:
            return {"podSelector": {"matchLabels": {"tier": chance.choice(["web", "logic", "data"])}}}
        if dice < 0.7:
            return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": chance.choice(spaces)}}}
        if dice < 0.9:
            other, where = chance.choice(places)
            return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": where}},
                    "podSelector": {"matchLabels": {"app": other}}}
        # Pods' addresses are left out: whether a block means them is up to the network.
        return {"ipBlock": {"cidr": f"{chance.randrange(20, 90)}.0.0.0/8"}}

    def rule(way):
        ports = [{"protocol": chance.choice(["TCP", "TCP", "UDP"]), "port": chance.choice(PORTS)}
                 for _ in range(chance.randrange(1, 3))]
        return {way: [peer() for _ in range(chance.randrange(1, 4))], "ports": ports}

    spec = {"podSelector": {"matchLabels": subject}, "policyTypes": ["Ingress"],
            "ingress": [rule("from") for _ in range(chance.randrange(1, 3))]}
    if chance.random() < 0.3:
        spec["policyTypes"].append("Egress")
        spec["egress"] = [rule("to") for _ in range(chance.randrange(1, 3))]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": meta(f"policy-{number}", space), "spec": spec}


def authorization_policy(chance, number, places, spaces):
    name, space = chance.choice(places)

    def source():
        if chance.random() < 0.3:
            return {"source": {"namespaces": [chance.choice(spaces)]}}
        callers = [chance.choice(places) for _ in range(chance.randrange(1, 4))]
        return {"source": {"principals": [f"cluster.local/ns/{where}/sa/{who}" for who, where in callers]}}

    rules = [{"from": [source()], "to": [{"operation": {"ports": [str(chance.choice(PORTS))]}}]}
             for _ in range(chance.randrange(1, 4))]
    spec = {"action": "DENY" if chance.random() < 0.1 else "ALLOW",
            "selector": {"matchLabels": {"app": name}}, "rules": rules}
    return {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": meta(f"policy-{number}", space), "spec": spec}


def timed(command, out, cap):
    """Wall clock, CPU and peak memory of a program, and whether it was stopped."""
    start, is_stopped = time.monotonic(), False
    with open(out, "wb") as file:
        child = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        while True:
            done, status, used = os.wait4(child.pid, os.WNOHANG)
            wall = time.monotonic() - start
            if done:
                break
            if wall > cap and not is_stopped:
                is_stopped = True
                child.kill()
            time.sleep(0.002)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1) and not is_stopped:
        sys.exit(f"{command[0]} ended with {child.returncode}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, is_stopped


def ours(seawall, folder, names, ports):
    """What passes by Seawall, as the judge tells it: a digit by pair and place of the port."""
    answers = {}
    asked = [f"{protocol.lower()}/{port}" for protocol in PROTOCOLS for port in ports]
    for place, port in enumerate(asked):
        text = subprocess.run([seawall, "reach", folder, "-o", "json", "--port", port],
                              capture_output=True, text=True, check=False).stdout
        answer = json.loads(text)
        if answer["gaps"]:
            print(f"  gaps: {answer['gaps'][:3]}")
        for flow in answer["flows"]:
            if flow["to"] not in names:
                continue
            for source in flow["from"]:
                if source in names:
                    cell = answers.setdefault((names[source], names[flow["to"]]), {})
                    cell[place] = "1" if flow["ports"] else "2"
    return answers


def compare(seawall, folder, python, objects, ports, cap):
    kinds = ["Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"]
    # Nca makes pods of a workload and counts them.
    names, ends = {}, []
    for one in objects:
        if one.get("kind") in kinds:
            space = one["metadata"].get("namespace", "default")
            names[f"{one['kind']} {space}/{one['metadata']['name']}"] = len(ends)
            ends.append(f"{space}/{one['metadata']['name']}" + ("" if one["kind"] == "Pod" else "-1"))
    question = json.dumps({"objects": objects, "ends": ends, "ports": ports})
    try:
        said = subprocess.run([python, ROOT / "tests/oracle/nca/judge.py"], input=question + "\n",
                              capture_output=True, text=True, timeout=cap, check=True).stdout
    except subprocess.TimeoutExpired:
        return "not compared: stopped"
    answer = json.loads(said)
    if "error" in answer:
        return f"not compared: {answer['error']}"
    theirs, width = answer["allowed"], len(PROTOCOLS) * len(ports)
    mine = ours(seawall, folder, names, ports)
    same, different = 0, []
    for source in range(len(ends)):
        for target in range(len(ends)):
            if source == target:
                continue
            cell = mine.get((source, target), {})
            at = (source * len(ends) + target) * width
            for place in range(width):
                if cell.get(place, "0") == theirs[at + place]:
                    same += 1
                else:
                    different.append((ends[source], ends[target], PROTOCOLS[place // len(ports)],
                                      ports[place % len(ports)], cell.get(place, "0"), theirs[at + place]))
    for one in different[:5]:
        print("  ours {4}, theirs {5}: {0} to {1} on {2} {3}".format(*one))
    return f"{same} alike, {len(different)} not"


def documents(python, folder):
    script = ("import glob,json,sys,yaml;"
              "print(json.dumps([d for p in sorted(glob.glob(sys.argv[1]+'/**/*.yaml',recursive=True))"
              " for d in yaml.safe_load_all(open(p)) if d],default=str))")
    text = subprocess.run([python, "-c", script, folder], capture_output=True, text=True, check=True).stdout
    return json.loads(text)


def declared(value):
    """The ports of containers, wherever they stand."""
    if isinstance(value, dict):
        found = [value["containerPort"]] if isinstance(value.get("containerPort"), int) else []
        value = value.values()
    elif isinstance(value, list):
        found = []
    else:
        return []
    return found + [port for one in value for port in declared(one)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", dest="out", type=Path, default=ROOT / ".cache/bench/nca")
    parser.add_argument("-t", dest="cap", type=float, default=900)
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    arguments = parser.parse_args()
    seawall = os.environ.get("SEAWALL", str(ROOT / "target/release/seawall"))
    build = subprocess.run([ROOT / "tests/oracle/build", "nca"], stdout=subprocess.PIPE, text=True, check=True)
    bin_folder = Path(build.stdout.strip()) / "nca/bin"
    python = str(bin_folder / "python")
    rows = []
    for text in arguments.inputs:
        made, ports = re.fullmatch(r"(np|istio):(\d+)/(\d+)", text), PORTS
        if made:
            label = text.replace(":", "-").replace("/", "-")
            folder = arguments.out / label / "cluster"
            folder.mkdir(parents=True, exist_ok=True)
            objects = cluster(made[1], int(made[2]), int(made[3]))
            file = folder / "cluster.yaml"
            file.write_text("\n---\n".join(json.dumps(one) for one in objects) + "\n", encoding="utf-8")
        else:
            folder, label = Path(text), Path(text).resolve().name
            (arguments.out / label).mkdir(parents=True, exist_ok=True)
            objects = documents(python, str(folder))
            ports = sorted({80, *declared(objects)})
        answers = arguments.out / label
        # Every tool finds the files in the page cache; the best of three counts.
        own = min(timed([seawall, "reach", str(folder), "-o", "csv"], answers / "seawall.csv", arguments.cap)
                  for _ in range(3))
        other = timed([str(bin_folder / "nca"), "--connectivity", "-r", str(folder), "-o", "csv"],
                      answers / "nca.csv", arguments.cap)
        is_stopped = other[3]
        said = "" if is_stopped else compare(seawall, str(folder), python, objects, ports, arguments.cap)
        over = "over " if is_stopped else ""
        told = [f"{own[0]:.2f}", f"{own[1]:.2f}", f"{own[2]:.0f}"]
        told += [f"{over}{other[0]:.1f}", f"{over}{other[1]:.1f}", f"{other[2]:.0f}"]
        told += [f"{over}{other[1] / max(own[1], 0.01):.0f}"]
        rows.append(f"| {text if made else label} | " + " | ".join(told) + f" | {said} |")
        print(rows[-1], flush=True)
    print()
    print("| Input | Seawall (s) | CPU (s) | MB | nca (s) | CPU (s) | MB | Times less CPU | Answers |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|---|")
    print("\n".join(rows))


main()
