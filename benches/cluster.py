#!/usr/bin/env python3
"""Serves a made-up cluster as an API server does, on loopback: 10,000 pods with their
owners and 20,000 objects more, discovery, pages, metadata-only lists and watches. Writes a
kubeconfig for it. A change goes to whoever watches at every line on the standard input:
one Deployment becomes privileged, or stops being it."""

import argparse
import http.server
import json
import queue
import random
import socketserver
import sys
import threading
import urllib.parse

import dump

RBAC = "rbac.authorization.k8s.io"
# Group, version, plural, kind, in a namespace.
RESOURCES = [
    ("", "v1", "namespaces", "Namespace", False),
    ("", "v1", "nodes", "Node", False),
    ("", "v1", "pods", "Pod", True),
    ("", "v1", "configmaps", "ConfigMap", True),
    ("", "v1", "secrets", "Secret", True),
    ("", "v1", "serviceaccounts", "ServiceAccount", True),
    ("", "v1", "services", "Service", True),
    ("apps", "v1", "deployments", "Deployment", True),
    ("apps", "v1", "replicasets", "ReplicaSet", True),
    ("apps", "v1", "daemonsets", "DaemonSet", True),
    ("apps", "v1", "statefulsets", "StatefulSet", True),
    ("batch", "v1", "jobs", "Job", True),
    (RBAC, "v1", "roles", "Role", True),
    (RBAC, "v1", "rolebindings", "RoleBinding", True),
    (RBAC, "v1", "clusterroles", "ClusterRole", False),
    (RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", False),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", True),
]


def make(pods, seed):
    """All objects, by plural."""
    rng = random.Random(seed)
    made = {plural: [] for _, _, plural, _, _ in RESOURCES}
    made["pods"] = [dump.pod(rng, index) for index in range(pods)]

    def put(plural, name, namespace=None, **fields):
        metadata = {"name": name, "uid": dump.uid(rng), "resourceVersion": "1",
                    "creationTimestamp": dump.moment(rng), **fields.pop("metadata", {})}
        if namespace:
            metadata["namespace"] = namespace
        made[plural].append({"metadata": metadata, **fields})

    seen = set()
    for pod in made["pods"]:
        namespace, owner = pod["metadata"]["namespace"], pod["metadata"]["ownerReferences"][0]
        key = (namespace, owner["kind"], owner["name"])
        if key in seen:
            continue
        seen.add(key)
        labels = pod["metadata"]["labels"]
        app = labels["app.kubernetes.io/name"]
        template = {"metadata": {"labels": labels}, "spec": {
            key: value for key, value in pod["spec"].items() if key != "nodeName"}}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        plural = {"ReplicaSet": "replicasets", "DaemonSet": "daemonsets",
                  "StatefulSet": "statefulsets", "Job": "jobs"}[owner["kind"]]
        if plural == "replicasets":
            put("deployments", app, namespace, spec={"replicas": 8, **spec})
            for _ in range(2):  # the one before is kept for a rollback
                put(plural, f"{app}-{dump.word(rng, 9)}", namespace, spec={"replicas": 0, **spec},
                    metadata={"ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment",
                                                   "name": app, "uid": "1", "controller": True}]})
            put(plural, owner["name"], namespace, spec={"replicas": 8, **spec},
                metadata={"ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment",
                                               "name": app, "uid": "1", "controller": True}]})
        else:
            put(plural, app, namespace, spec=spec)
        put("serviceaccounts", app, namespace)
        put("services", app, namespace, spec={"selector": {"app.kubernetes.io/name": app},
                                              "ports": [{"port": 80, "targetPort": "http"}]})
        for index in range(3):
            put("configmaps", f"{app}-{index}" if index else app, namespace,
                data={"config.yaml": f"a: {index}\n" * 20})
            put("secrets", f"{app}-{index}" if index else f"{app}-db", namespace, type="Opaque")
        put("roles", app, namespace, rules=[
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}])
        put("rolebindings", app, namespace,
            roleRef={"apiGroup": RBAC, "kind": "Role", "name": app},
            subjects=[{"kind": "ServiceAccount", "name": app, "namespace": namespace}])
    for namespace in sorted({key[0] for key in seen}):
        put("namespaces", namespace)
        put("networkpolicies", "default", namespace, spec={"podSelector": {}})
    for index in range(300):
        put("nodes", f"node-{index:03}.example.com")
    for index in range(80):
        put("clusterroles", f"role-{index}", rules=[
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}])
    return made


class Cluster:
    """What is there, and who watches it."""

    def __init__(self, pods, seed):
        self.objects = make(pods, seed)
        self.kinds = {plural: (group, version, kind) for group, version, plural, kind, _ in RESOURCES}
        self.texts = {}
        for plural, objects in self.objects.items():
            self.texts[plural] = [json.dumps(o, separators=(",", ":")) for o in objects]
        self.watchers = []
        self.version = 10
        self.rng = random.Random(seed)

    def change(self):
        deployment = self.rng.choice(self.objects["deployments"])
        context = deployment["spec"]["template"]["spec"]["containers"][0].setdefault(
            "securityContext", {})
        context["privileged"] = not context.get("privileged", False)
        self.version += 1
        deployment["metadata"]["resourceVersion"] = str(self.version)
        event = {"type": "MODIFIED",
                 "object": {"apiVersion": "apps/v1", "kind": "Deployment", **deployment}}
        for plural, events in list(self.watchers):
            if plural == "deployments":
                events.put(event)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        cluster = self.server.cluster
        parts = url.path.strip("/").split("/")
        if url.path == "/version":
            return self.answer({"major": "1", "minor": "35", "gitVersion": "v1.35.0"})
        if url.path in ("/api", "/apis"):
            return self.answer(discovery(core=url.path == "/api"))
        plural = parts[-1]
        if plural not in cluster.objects:
            return self.answer({"kind": "Status", "code": 404, "status": "Failure"}, 404)
        if query.get("watch"):
            return self.watch(plural)
        return self.list(plural, query)

    def list(self, plural, query):
        cluster = self.server.cluster
        start, limit = int(query.get("continue") or 0), int(query.get("limit") or 10**9)
        group, version, kind = cluster.kinds[plural]
        end = start + limit
        more = str(end) if end < len(cluster.texts[plural]) else ""
        items = ",".join(cluster.texts[plural][start:end])
        api_version = f"{group}/{version}" if group else version
        if "PartialObjectMetadataList" in self.headers.get("Accept", ""):
            kind, api_version = "PartialObjectMetadata", "meta.k8s.io/v1"
            items = ",".join(json.dumps({"metadata": o["metadata"]})
                             for o in cluster.objects[plural][start:end])
        self.answer(f'{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":'
                    f'{{"resourceVersion":"10","continue":"{more}"}},"items":[{items}]}}')

    def watch(self, plural):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events = queue.Queue()
        self.server.cluster.watchers.append((plural, events))
        try:
            while True:
                line = json.dumps(events.get(), separators=(",", ":")).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
        except OSError:
            self.server.cluster.watchers.remove((plural, events))


def discovery(core):
    groups = {}
    for group, version, plural, kind, namespaced in RESOURCES:
        if (group == "") != core:
            continue
        found = groups.setdefault(group, {"metadata": {"name": group}, "versions": [
            {"version": version, "resources": []}]})
        found["versions"][0]["resources"].append({
            "resource": plural, "responseKind": {"group": group, "version": version, "kind": kind},
            "scope": "Namespaced" if namespaced else "Cluster", "verbs": ["get", "list", "watch"]})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {}, "items": list(groups.values())}


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", help="where to write the kubeconfig")
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    server.cluster = Cluster(arguments.pods, arguments.seed)
    with open(arguments.kubeconfig, "w", encoding="utf-8") as file:
        json.dump({"current-context": "bench",
                   "contexts": [{"name": "bench", "context": {"cluster": "c", "user": "u"}}],
                   "clusters": [{"name": "c", "cluster": {
                       "server": f"http://127.0.0.1:{server.server_port}"}}],
                   "users": [{"name": "u", "user": {"token": "t"}}]}, file)
    count = sum(len(objects) for objects in server.cluster.objects.values())
    print(f"serving {count} objects", file=sys.stderr, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for _ in sys.stdin:
        server.cluster.change()
    threading.Event().wait()


if __name__ == "__main__":
    main()
