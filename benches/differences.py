#!/usr/bin/env python3
"""What Seawall and its peers found on the same folder, rule by rule.

    benches/differences.py ANSWERS FOLDER [-v RULE]

ANSWERS has {seawall,trivy,checkov,kube-score}.json, as benches/compare.sh leaves them;
FOLDER is what was scanned. Rules are matched by benches/peer-rules.tsv. A weakness counts
once per object, however many containers have it, and is the same weakness when both name the
same object (kind and name) in the same file, or else, because Seawall points at the patch, the
template or the base and names what was rendered, the same object anywhere, the same but for
an overlay's prefix, or the same file.
"In patches" are weaknesses of pieces of objects: a peer that does not build the overlay judges
what a kustomization only merges. `-v` lists what only one side has of a rule (a peer's id, or
one of ours).
Needs nothing but Python's standard library.
"""

import argparse
import collections
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ["trivy", "checkov", "kube-score"]
# A weakness: the rule, the file, the object as "Kind/name" (or "", where a tool does not say).
Weakness = collections.namedtuple("Weakness", "rule file object")


def mapping():
    rules = {}
    with open(os.path.join(HERE, "peer-rules.tsv"), encoding="utf-8") as table:
        for line in table:
            if not line.startswith("#"):
                tool, rule, ours, why = (line.rstrip("\n").split("\t") + [""])[:4]
                rules[tool, rule] = ([] if ours == "-" else ours.split(), why)
    return rules


class Folder:
    """Finds the object at a line of a file, for tools that only say the line."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.files = {}
        self.patches = patches(self.root)

    def path(self, path):
        return os.path.relpath(path, self.root) if os.path.isabs(path) else os.path.normpath(path)

    def object_at(self, path, line):
        if path not in self.files:
            try:
                with open(os.path.join(self.root, path), encoding="utf-8") as file:
                    self.files[path] = list(documents(file))
            except OSError:
                self.files[path] = []
        found = ""
        for start, name in self.files[path]:
            if start <= line:
                found = name
        return found


def patches(root):
    """The files that a kustomization here only uses as patches: pieces, no objects."""
    found = set()
    for folder, _, names in os.walk(root):
        for name in names:
            if not re.fullmatch(r"kustomization\.ya?ml|Kustomization", name):
                continue
            section = ""
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for line in file:
                    if match := re.match(r"(\w+):", line):
                        section = match[1]
                    elif section.startswith("patches"):
                        for path in re.findall(r"[\w./-]+\.ya?ml", line):
                            found.add(os.path.relpath(os.path.join(folder, path), root))
    return found


def documents(lines):
    """The first line and "Kind/name" of each document of a stream."""
    start, kind, name, inside = 1, "", "", False
    for number, line in enumerate(lines, 1):
        if line.startswith("---"):
            yield start, f"{kind}/{name}" if kind and name else ""
            start, kind, name, inside = number, "", "", False
        elif match := re.match(r"kind:\s*(\S+)", line):
            kind = match[1]
        elif re.match(r"\S", line):
            inside = line.startswith("metadata:")
        elif inside and not name and (match := re.match(r"\s+name:\s*[\"']?([^\s\"']+)", line)):
            name = match[1]
    yield start, f"{kind}/{name}" if kind and name else ""


def load(answers, tool):
    try:
        with open(os.path.join(answers, tool + ".json"), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def seawall(answer, folder):
    for finding in answer["findings"]:
        place = finding["locus"]["location"]
        path = folder.path(place["file"]) if place else ""
        for asset in finding["affected"] or [finding["asset"]]:
            yield Weakness(finding["rule"], path, f"{asset.get('kind', '')}/{asset.get('name', '')}")


def trivy(answer, folder):
    for result in answer["Results"] or []:
        path = folder.path(result["Target"])
        for one in result.get("Misconfigurations") or []:
            line = one["CauseMetadata"].get("StartLine") or 1
            yield Weakness(one["ID"], path, folder.object_at(path, line))


def checkov(answer, folder):
    for part in answer if isinstance(answer, list) else [answer]:
        for one in part["results"]["failed_checks"]:
            kind, _, name = one["resource"].partition(".")
            # Kind.namespace.name, where the namespace may be left out and names may have dots.
            name = name.partition(".")[2] or name
            yield Weakness(one["check_id"], folder.path(one["file_path"].lstrip("/")), f"{kind}/{name}")


def kube_score(answer, folder):
    for one in answer:
        path = folder.path(one["file_name"])
        name = f"{one['type_meta']['kind']}/{one['object_meta'].get('name', '')}"
        for check in one["checks"]:
            if not check["skipped"] and check["grade"] < 10:
                yield Weakness(check["check"]["id"], path, name)


def difference(ours, theirs):
    """What the second list has, as (also ours, theirs alone)."""
    files = {one.file for one in ours}
    objects = collections.defaultdict(set)  # by kind and part of the repository
    for one in ours:
        kind, _, name = one.object.partition("/")
        objects[kind].add((name, part(one.file)))

    def known(one):
        kind, _, name = one.object.partition("/")
        return one.file in files or any(
            name and (name == other or same_part and is_prefixed(other, name))
            for other, where in objects[kind]
            for same_part in [where == part(one.file)]
        )

    both, alone = [], []
    for one in theirs:
        (both if known(one) else alone).append(one)
    return both, alone


def part(path):
    """The part of a repository that a file is in: its first two folders."""
    return tuple(path.split("/")[:-1][:2])


def is_prefixed(one, other):
    """Whether an overlay's prefix makes one name of the other."""
    return one.endswith("-" + other) or other.endswith("-" + one)


def table(head, rows):
    numbers = 3 + ("in patches" in head)
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("--:" if 0 < i < numbers + 1 else "---" for i in range(len(head))) + "|")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers")
    parser.add_argument("folder")
    parser.add_argument("-v", dest="rule", help="list what only one side has of this rule")
    options = parser.parse_args()
    rules, folder = mapping(), Folder(options.folder)
    ours = collections.defaultdict(set)
    for one in seawall(load(options.answers, "seawall"), folder):
        ours[one.rule].add(one)
    heard = collections.defaultdict(list)  # what peers say of each of our rules
    readers = {"trivy": trivy, "checkov": checkov, "kube-score": kube_score}
    for tool in PEERS:
        answer = load(options.answers, tool)
        if answer is None:
            print(f"{tool}: no answer\n")
            continue
        theirs = collections.defaultdict(set)
        for one in readers[tool](answer, folder):
            theirs[one.rule].add(one)
        rows = []
        for rule, weaknesses in sorted(theirs.items()):
            mine, why = rules.get((tool, rule), ([], "not in peer-rules.tsv"))
            both, alone = difference([one for id in mine for one in ours.get(id, ())], weaknesses)
            pieces = sum(1 for one in alone if one.file in folder.patches)
            for id in mine:
                heard[id] += weaknesses
            rows.append([rule, len(weaknesses), len(both), pieces, len(alone) - pieces, " ".join(mine) or "-", why])
            if options.rule == rule:
                for one in sorted(alone):
                    piece = " (patch)" if one.file in folder.patches else ""
                    print(f"{tool} only: {rule} {one.file} {one.object}{piece}")
        if not options.rule:
            table([tool, "objects", "both", "in patches", "theirs only", "ours", ""], rows)
    rows = []
    for rule, weaknesses in sorted(ours.items()):
        both, alone = difference(heard[rule], weaknesses)
        rows.append([rule, len(weaknesses), len(both), len(alone)])
        if options.rule == rule:
            for one in sorted(alone):
                print(f"seawall only: {rule} {one.file} {one.object}")
    if not options.rule:
        table(["seawall", "objects", "both", "ours only"], rows)


if __name__ == "__main__":
    main()
