#!/usr/bin/env python3
"""Writes a made-up but realistic Kubernetes estate, to measure scans on.

    benches/generate.py DIR [--objects 10000] [--files 2000] [--namespaces 100] [--seed 1]

The same arguments always give the same bytes. Applications come as bundles (a
workload and what belongs to it), in four qualities: hardened, usual, careless
and dangerous. Needs nothing but Python's standard library.
"""

import argparse
import os
import sys


class Random:
    """A small generator of our own: the same on every version of Python."""

    def __init__(self, seed):
        self.state = (seed * 2654435761 + 88172645463325252) & (2**64 - 1)

    def next(self):
        x = self.state
        x ^= (x << 13) & (2**64 - 1)
        x ^= x >> 7
        x ^= (x << 17) & (2**64 - 1)
        self.state = x
        return (x * 2685821657736338717 & (2**64 - 1)) >> 33

    def below(self, n):
        return self.next() % n

    def chance(self, percent):
        return self.below(100) < percent

    def pick(self, items):
        return items[self.below(len(items))]

    def weighted(self, pairs):
        at = self.below(sum(weight for _, weight in pairs))
        for item, weight in pairs:
            if at < weight:
                return item
            at -= weight


QUALITIES = [("hardened", 25), ("usual", 50), ("careless", 20), ("dangerous", 5)]
WORKLOADS = [("Deployment", 62), ("StatefulSet", 12), ("DaemonSet", 8), ("CronJob", 10), ("Job", 8)]
DOMAINS = ["orders", "billing", "search", "catalog", "identity", "shipping", "media", "reports",
           "ledger", "mail", "pricing", "stock", "reviews", "chat", "export", "quotes"]
ROLES = ["api", "web", "worker", "cache", "gateway", "store", "sync", "proxy", "agent", "index"]
REGISTRIES = ["registry.example.com/shop", "ghcr.io/example", "quay.io/example", "docker.io/library", ""]
IMAGES = ["orders", "nginx", "redis", "postgres", "envoy", "node-app", "py-service", "go-service", "java-service"]
KEYS = ["LOG_LEVEL", "CACHE_URL", "FEATURE_FLAGS", "TIMEOUT_MS", "UPSTREAM", "REGION", "POOL_SIZE", "TZ"]


def image(r, quality):
    registry = r.pick(REGISTRIES)
    name = (registry + "/" if registry else "") + r.pick(IMAGES)
    if quality == "hardened":
        digest = "".join("%08x" % r.next() for _ in range(8))
        return f"{name}:{1 + r.below(9)}.{r.below(30)}.{r.below(20)}@sha256:{digest}"
    if quality == "usual" or r.chance(30):
        return f"{name}:{1 + r.below(9)}.{r.below(30)}.{r.below(20)}"
    return name + (":latest" if r.chance(60) else "")


def container(r, quality, name, port):
    out = [f"- name: {name}", f"  image: {image(r, quality)}"]
    if quality in ("hardened", "usual") or r.chance(30):
        out.append(f"  imagePullPolicy: {r.pick(['IfNotPresent', 'Always'])}")
    if r.chance(50):
        out.append(f"  args: [\"--port={port}\", \"--workers={1 + r.below(16)}\"]")
    out.append("  ports:")
    out.append(f"  - name: http\n    containerPort: {port}")
    if quality == "dangerous" and r.chance(20):
        out.append(f"    hostPort: {port}")
    out.append("  env:")
    for _ in range(2 + r.below(4)):
        out.append(f"  - name: {r.pick(KEYS)}_{r.below(90)}\n    value: \"{r.below(10000)}\"")
    if quality in ("careless", "dangerous") and r.chance(40):
        # No real credential: the text says so itself.
        out.append(f"  - name: DB_PASSWORD\n    value: example-not-a-secret-{r.below(1000)}")
    elif r.chance(60):
        out.append("  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:"
                   f"\n        name: {name}-db\n        key: password")
    if quality == "hardened" or quality == "usual" and r.chance(80) or r.chance(25):
        cpu, memory = 50 * (1 + r.below(10)), 64 * (1 + r.below(16))
        out.append(f"  resources:\n    requests:\n      cpu: {cpu}m\n      memory: {memory}Mi")
        if quality == "hardened" or r.chance(60):
            out.append(f"    limits:\n      cpu: {cpu * 4}m\n      memory: {memory * 2}Mi")
    if quality == "hardened" or quality == "usual" and r.chance(70):
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/ready")):
            out.append(f"  {probe}:\n    httpGet:\n      path: {path}\n      port: http"
                       f"\n    periodSeconds: {5 + r.below(20)}")
    if quality == "hardened":
        out.append("  securityContext:\n    allowPrivilegeEscalation: false\n    readOnlyRootFilesystem: true"
                   f"\n    runAsNonRoot: true\n    runAsUser: {10001 + r.below(5000)}"
                   "\n    capabilities:\n      drop: [ALL]\n    seccompProfile:\n      type: RuntimeDefault")
    elif quality == "usual" and r.chance(60):
        out.append("  securityContext:\n    allowPrivilegeEscalation: false")
        if r.chance(50):
            out.append("    capabilities:\n      drop: [ALL]")
        if r.chance(30):
            out.append("    readOnlyRootFilesystem: true")
    elif quality == "dangerous":
        out.append(r.pick([
            "  securityContext:\n    privileged: true",
            "  securityContext:\n    capabilities:\n      add: [SYS_ADMIN, NET_RAW]",
            "  securityContext:\n    runAsUser: 0\n    allowPrivilegeEscalation: true",
            # Kubernetes reads YAML 1.1: this is true.
            "  securityContext:\n    privileged: yes",
            "  securityContext:\n    procMount: Unmasked",
        ]))
    out.append("  volumeMounts:\n  - name: config\n    mountPath: /etc/app\n    readOnly: true"
               "\n  - name: tmp\n    mountPath: /tmp")
    return "\n".join(out)


def pod_spec(r, quality, app, port, restart):
    out = [f"serviceAccountName: {app}" if quality != "careless" or r.chance(50) else "serviceAccountName: default"]
    if quality == "hardened" or quality == "usual" and r.chance(40):
        out.append("automountServiceAccountToken: false")
    if restart:
        out.append(f"restartPolicy: {restart}")
    if quality == "hardened" or quality == "usual" and r.chance(40):
        out.append("securityContext:\n  runAsNonRoot: true\n  fsGroup: 2000")
        if quality == "hardened" or r.chance(50):
            out.append("  seccompProfile:\n    type: RuntimeDefault")
    if quality == "dangerous":
        if r.chance(40):
            out.append(r.pick(["hostNetwork: true", "hostPID: true", "hostIPC: true", "shareProcessNamespace: true"]))
    if r.chance(25):
        out.append("nodeSelector:\n  kubernetes.io/os: linux")
    if r.chance(15):
        out.append("tolerations:\n- key: dedicated\n  operator: Exists\n  effect: NoSchedule")
    if r.chance(15):
        out.append("initContainers:\n" + container(r, quality, f"{app}-init", port))
    out.append("containers:\n" + container(r, quality, app, port))
    if r.chance(20):
        out.append(container(r, quality, "sidecar", port + 1))
    out.append(f"volumes:\n- name: config\n  configMap:\n    name: {app}\n- name: tmp")
    if quality == "dangerous" and r.chance(60):
        path = r.pick(["/", "/var/run/docker.sock", "/etc", "/var/lib/kubelet", "/var/log", "/run/containerd"])
        out.append(f"  emptyDir: {{}}\n- name: host\n  hostPath:\n    path: {path}")
    else:
        out.append("  emptyDir: {}")
    return "\n".join(out)


def indent(text, by):
    pad = " " * by
    return "\n".join(pad + line for line in text.split("\n"))


def head(api, kind, name, namespace, app=None, r=None):
    out = f"apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n"
    if namespace:
        out += f"  namespace: {namespace}\n"
    if app:
        out += f"  labels:\n    app.kubernetes.io/name: {app}\n    app.kubernetes.io/part-of: estate\n"
    if r and r.chance(25):
        out += f"  annotations:\n    example.com/owner: team-{r.below(40)}\n    example.com/change: \"{r.below(99999)}\"\n"
    return out


def template(r, quality, app, port, restart=None):
    out = f"metadata:\n  labels:\n    app.kubernetes.io/name: {app}\n"
    if r.chance(30):
        out += f"  annotations:\n    prometheus.io/scrape: \"true\"\n    prometheus.io/port: \"{port}\"\n"
    return out + "spec:\n" + indent(pod_spec(r, quality, app, port, restart), 2)


def workload(r, quality, kind, app, namespace, port):
    selector = f"  selector:\n    matchLabels:\n      app.kubernetes.io/name: {app}\n"
    api = "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    out = head(api, kind, app, namespace, app, r) + "spec:\n"
    if kind == "Deployment":
        out += f"  replicas: {1 + r.below(5)}\n" + selector
        if r.chance(40):
            out += "  strategy:\n    type: RollingUpdate\n    rollingUpdate:\n      maxUnavailable: 1\n"
    elif kind == "StatefulSet":
        out += f"  serviceName: {app}\n  replicas: {1 + r.below(3)}\n" + selector
    elif kind == "DaemonSet":
        out += selector
    if kind == "CronJob":
        out += f"  schedule: \"{r.below(60)} {r.below(24)} * * *\"\n  concurrencyPolicy: Forbid\n"
        out += "  jobTemplate:\n    spec:\n      backoffLimit: 2\n      template:\n"
        return out + indent(template(r, quality, app, port, "OnFailure"), 8)
    if kind == "Job":
        out += f"  backoffLimit: {r.below(5)}\n  ttlSecondsAfterFinished: 3600\n"
    out += "  template:\n" + indent(template(r, quality, app, port, "Never" if kind == "Job" else None), 4)
    if kind == "StatefulSet":
        out += ("\n  volumeClaimTemplates:\n  - metadata:\n      name: data\n    spec:\n      accessModes: [ReadWriteOnce]"
                f"\n      resources:\n        requests:\n          storage: {1 + r.below(100)}Gi")
    return out


def config_map(r, app, namespace):
    out = head("v1", "ConfigMap", app, namespace, app) + "data:\n"
    for n in range(3 + r.below(6)):
        out += f"  {r.pick(KEYS).lower()}.{n}: \"{r.below(100000)}\"\n"
    out += "  app.properties: |\n"
    for n in range(4 + r.below(12)):
        out += f"    module.{n}.enabled={'true' if r.chance(50) else 'false'}\n    module.{n}.limit={r.below(500)}\n"
    return out.rstrip("\n")


def service(r, quality, kind, app, namespace, port):
    out = head("v1", "Service", app, namespace, app) + "spec:\n"
    if kind == "StatefulSet":
        out += "  clusterIP: None\n"
    elif quality in ("careless", "dangerous") and r.chance(40):
        out += f"  type: {r.pick(['NodePort', 'LoadBalancer'])}\n"
        if quality == "dangerous" and r.chance(20):
            out += "  externalIPs: [203.0.113.7]\n"
    return out + (f"  selector:\n    app.kubernetes.io/name: {app}\n"
                  "  ports:\n  - name: http\n    port: 80\n    targetPort: http")


def role(r, quality, app, namespace, cluster):
    rules = {
        "hardened": ["- apiGroups: [\"\"]\n  resources: [configmaps]\n  resourceNames: [{0}]\n  verbs: [get, watch]"],
        "usual": ["- apiGroups: [\"\"]\n  resources: [configmaps, services]\n  verbs: [get, list, watch]",
                  "- apiGroups: [apps]\n  resources: [deployments]\n  verbs: [get, list, patch]"],
        "careless": ["- apiGroups: [\"\"]\n  resources: [secrets]\n  verbs: [get, list, watch]",
                     "- apiGroups: [\"\"]\n  resources: [pods, pods/exec]\n  verbs: [get, list, create]"],
        "dangerous": ["- apiGroups: [\"*\"]\n  resources: [\"*\"]\n  verbs: [\"*\"]",
                      "- apiGroups: [rbac.authorization.k8s.io]\n  resources: [roles, rolebindings]\n  verbs: [bind, escalate, create]",
                      "- apiGroups: [\"\"]\n  resources: [serviceaccounts/token, nodes/proxy]\n  verbs: [create, get]"],
    }[quality]
    name, space = (f"{namespace}-{app}", None) if cluster else (app, namespace)
    api = "rbac.authorization.k8s.io/v1"
    return head(api, "ClusterRole" if cluster else "Role", name, space, app) + "rules:\n" + r.pick(rules).format(app)


def binding(app, namespace, cluster):
    name, space = (f"{namespace}-{app}", None) if cluster else (app, namespace)
    kind = "ClusterRole" if cluster else "Role"
    api = "rbac.authorization.k8s.io"
    return head(api + "/v1", kind + "Binding", name, space, app) + (
        f"roleRef:\n  apiGroup: {api}\n  kind: {kind}\n  name: {name}\n"
        f"subjects:\n- kind: ServiceAccount\n  name: {app}\n  namespace: {namespace}")


def network_policy(r, app, namespace, other, port):
    out = head("networking.k8s.io/v1", "NetworkPolicy", app, namespace, app)
    out += f"spec:\n  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: {app}\n  policyTypes: [Ingress]\n  ingress:\n"
    source = r.weighted([("app", 60), ("namespace", 25), ("all", 15)])
    if source == "app":
        out += f"  - from:\n    - podSelector:\n        matchLabels:\n          app.kubernetes.io/name: {other}\n"
    elif source == "namespace":
        out += "  - from:\n    - namespaceSelector:\n        matchLabels:\n          example.com/tier: front\n"
    else:
        return out + "  - {}"
    return out + f"    ports:\n    - protocol: TCP\n      port: {port}"


def ingress(r, quality, app, namespace):
    host = f"{app}.{namespace}.example.com"
    out = head("networking.k8s.io/v1", "Ingress", app, namespace, app) + "spec:\n  ingressClassName: nginx\n"
    if quality == "hardened" or r.chance(60):
        out += f"  tls:\n  - hosts: [{host}]\n    secretName: {app}-tls\n"
    return out + (f"  rules:\n  - host: {host}\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n"
                  f"        backend:\n          service:\n            name: {app}\n            port:\n              name: http")


def namespace_object(r, name):
    out = f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    example.com/tier: {r.pick(['front', 'middle', 'data'])}\n"
    level = r.weighted([("restricted", 25), ("baseline", 25), ("privileged", 5), (None, 45)])
    if level:
        out += f"    pod-security.kubernetes.io/enforce: {level}\n"
        if r.chance(50):
            out += "    pod-security.kubernetes.io/warn: restricted\n"
    return out.rstrip("\n")


def estate(objects, namespaces, seed):
    """Yields (namespace, YAML document), application after application."""
    r = Random(seed)
    spaces = [f"team-{n:03}" for n in range(namespaces)]
    left = objects
    bundle_of = {space: [] for space in spaces}
    for space in spaces:
        if left:
            bundle_of[space].append(namespace_object(r, space))
            left -= 1
        if left and r.chance(40):
            bundle_of[space].append(head("networking.k8s.io/v1", "NetworkPolicy", "default-deny", space)
                                    + "spec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]")
            left -= 1
    number, last = 0, "none"
    while left:
        space = spaces[number % len(spaces)]
        quality, kind = r.weighted(QUALITIES), r.weighted(WORKLOADS)
        app = f"{r.pick(DOMAINS)}-{r.pick(ROLES)}-{number}"
        port = 3000 + r.below(6000)
        cluster = r.chance(10)
        docs = [workload(r, quality, kind, app, space, port), config_map(r, app, space),
                head("v1", "ServiceAccount", app, space, app)
                + ("automountServiceAccountToken: false" if quality == "hardened" else "imagePullSecrets:\n- name: pull")]
        serves = kind in ("Deployment", "StatefulSet")
        if serves:
            docs.append(service(r, quality, kind, app, space, port))
        if r.chance(45):
            docs += [role(r, quality, app, space, cluster), binding(app, space, cluster)]
        if quality == "hardened" or r.chance(35):
            docs.append(network_policy(r, app, space, last, port))
        if serves and r.chance(25):
            docs.append(ingress(r, quality, app, space))
        docs = docs[:left]
        left -= len(docs)
        bundle_of[space] += docs
        number, last = number + 1, app
    for space in spaces:
        for doc in bundle_of[space]:
            yield space, doc


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--namespaces", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if not 1 <= args.files <= args.objects or args.namespaces < 1:
        parser.error("needs 1 <= --files <= --objects and 1 <= --namespaces")
    if os.path.isdir(args.dir) and os.listdir(args.dir):
        sys.exit(f"{args.dir} is not empty")
    documents = list(estate(args.objects, args.namespaces, args.seed))
    start = size = 0
    for n in range(args.files):
        end = (n + 1) * args.objects // args.files
        space = documents[start][0]
        os.makedirs(os.path.join(args.dir, space), exist_ok=True)
        text = "\n---\n".join(doc for _, doc in documents[start:end]) + "\n"
        with open(os.path.join(args.dir, space, f"{n:05}.yaml"), "w", encoding="ascii", newline="\n") as file:
            file.write(text)
        size += len(text)
        start = end
    print(f"{args.objects} objects in {args.files} files, {size / 1e6:.1f} MB, in {args.dir}")


if __name__ == "__main__":
    main()
