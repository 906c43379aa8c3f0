#!/usr/bin/env python3
"""Writes a made-up cluster as `kubectl get -o json` would, to measure attack paths on.

    benches/paths.py FILE [--pods 25000] [--accounts 5000] [--bindings 10000] [--seed 1]

Deployments of five pods on nodes, each with an account of its own or the default one; roles
from harmless to powerful, most of them bound in one namespace; a few privileged pods, host
paths, tokens in Secrets, and Services open to the internet. The same arguments always give
the same bytes. Needs nothing but Python's standard library.
"""

import argparse
import json

from generate import Random

RULES = [
    ([""], ["configmaps"], ["get", "list"], 30),
    ([""], ["pods", "pods/log"], ["get", "list", "watch"], 25),
    (["apps"], ["deployments"], ["get", "list", "patch"], 8),
    ([""], ["secrets"], ["get"], 8),
    ([""], ["secrets"], ["list"], 3),
    ([""], ["pods"], ["create", "delete"], 4),
    (["batch"], ["jobs"], ["create", "get"], 6),
    ([""], ["pods/exec"], ["create"], 3),
    ([""], ["serviceaccounts/token"], ["create"], 1),
    (["rbac.authorization.k8s.io"], ["rolebindings"], ["create", "get"], 2),
    (["coordination.k8s.io"], ["leases"], ["get", "update"], 20),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--pods", type=int, default=25000)
    parser.add_argument("--accounts", type=int, default=0)
    parser.add_argument("--bindings", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    accounts = wanted.accounts or max(20, wanted.pods // 5)
    bindings = wanted.bindings or accounts * 2
    r = Random(wanted.seed)
    spaces = [f"team-{n}" for n in range(max(3, wanted.pods // 80))] + ["kube-system"]
    nodes = [f"node-{n}" for n in range(max(3, wanted.pods // 50))]
    items = []

    def add(api, kind, name, namespace=None, **rest):
        meta = {"name": name, **rest.pop("meta", {})}
        if namespace:
            meta["namespace"] = namespace
        items.append({"apiVersion": api, "kind": kind, "metadata": meta, **rest})

    for n, space in enumerate(spaces):
        level = "privileged" if n % 9 == 0 else "baseline" if n % 3 else "restricted"
        add("v1", "Namespace", space,
            meta={"labels": {"kubernetes.io/metadata.name": space,
                             "pod-security.kubernetes.io/enforce": level}})
    for n, node in enumerate(nodes):
        labels = {"node-role.kubernetes.io/control-plane": ""} if n < 3 else {}
        add("v1", "Node", node, meta={"labels": labels}, spec={})
    owners = []
    for n in range(accounts):
        space = spaces[n % len(spaces)]
        add("v1", "ServiceAccount", f"app-{n}", space)
        if r.chance(4):
            add("v1", "Secret", f"app-{n}-token", space,
                meta={"annotations": {"kubernetes.io/service-account.name": f"app-{n}"}},
                type="kubernetes.io/service-account-token")
        else:
            add("v1", "Secret", f"app-{n}", space, type="Opaque")
        owners.append((space, f"app-{n}"))
    roles = []
    rbac = "rbac.authorization.k8s.io/v1"
    for n in range(max(20, bindings * 3 // 10)):
        rules = []
        for _ in range(1 + r.below(3)):
            groups, resources, verbs, _ = r.weighted([(rule, rule[3]) for rule in RULES])
            rules.append({"apiGroups": groups, "resources": resources, "verbs": verbs})
        space = None if r.chance(10) else spaces[r.below(len(spaces))]
        kind = "Role" if space else "ClusterRole"
        add(rbac, kind, f"role-{n}", space, rules=rules)
        roles.append((kind, space, f"role-{n}"))
    for n in range(bindings):
        kind, space, role = roles[r.below(len(roles))]
        owner_space, owner = owners[r.below(len(owners))]
        if r.chance(5):
            subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": f"user-{r.below(200)}"}
        else:
            subject = {"kind": "ServiceAccount", "name": owner, "namespace": owner_space}
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
        if kind == "ClusterRole" and r.chance(10):
            add(rbac, "ClusterRoleBinding", f"binding-{n}", subjects=[subject], roleRef=ref)
        else:
            add(rbac, "RoleBinding", f"binding-{n}", space or owner_space, subjects=[subject], roleRef=ref)
    add(rbac, "ClusterRoleBinding", "operator-admin",
        subjects=[{"kind": "ServiceAccount", "name": owners[0][1], "namespace": owners[0][0]}],
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"})
    made = 0
    n = 0
    while made < wanted.pods:
        space, account = owners[n % len(owners)]
        name = f"app-{n}"
        spec = {"serviceAccountName": account if r.chance(80) else "default",
                "containers": [{"name": "main", "image": f"registry.example.com/{name}:1",
                                "ports": [{"containerPort": 8080}]}]}
        if r.chance(2):
            spec["containers"][0]["securityContext"] = {"privileged": True}
        if r.chance(2):
            spec["volumes"] = [{"name": "host", "hostPath": {"path": r.pick(["/", "/var/log", "/run"])}}]
            spec["containers"][0]["volumeMounts"] = [{"name": "host", "mountPath": "/host"}]
        if r.chance(50):
            spec["automountServiceAccountToken"] = False
        labels = {"app": name}
        add("apps/v1", "Deployment", name, space,
            spec={"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}})
        for replica in range(5):
            owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": "x", "controller": True}
            add("v1", "Pod", f"{name}-{replica}", space,
                meta={"labels": labels, "ownerReferences": [owner]},
                spec={**spec, "nodeName": nodes[r.below(len(nodes))]})
            made += 1
        if r.chance(3):
            add("v1", "Service", name, space,
                spec={"type": "LoadBalancer", "selector": labels, "ports": [{"port": 80, "targetPort": 8080}]})
        n += 1
    with open(wanted.file, "w") as out:
        json.dump({"apiVersion": "v1", "kind": "List", "items": items}, out)


main()
