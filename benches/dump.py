#!/usr/bin/env python3
"""Writes a made-up dump of a cluster's pods as `kubectl get pods -A -o json
--show-managed-fields` prints it: 10,000 pods, about 175 MB. The same arguments
give the same bytes."""

import argparse
import json
import random
import sys

IMAGES = ["registry.example.com/shop/checkout", "registry.example.com/shop/cart",
          "registry.example.com/data/ledger", "registry.example.com/edge/gateway",
          "nginx", "redis", "registry.example.com/platform/agent"]
OWNERS = [("ReplicaSet", "apps/v1")] * 7 + [
    ("DaemonSet", "apps/v1"), ("StatefulSet", "apps/v1"), ("Job", "batch/v1")]
LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def word(rng, length):
    return "".join(rng.choice(LETTERS) for _ in range(length))


def uid(rng):
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


def moment(rng):
    return (f"2024-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
            f"T{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}Z")


def probe(rng, path):
    return {"failureThreshold": 3, "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
            "initialDelaySeconds": rng.choice([5, 10, 30]), "periodSeconds": 10,
            "successThreshold": 1, "timeoutSeconds": 1}


def container(rng, name, image, token):
    env = [{"name": f"{rng.choice(['APP', 'DB', 'OTEL', 'HTTP'])}_{word(rng, 6).upper()}",
            "value": word(rng, rng.randrange(4, 40))} for _ in range(rng.randrange(1, 5))]
    env.append({"name": "POD_NAME", "valueFrom": {
        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}})
    env.append({"name": "DB_PASSWORD", "valueFrom": {
        "secretKeyRef": {"key": "password", "name": f"{name}-db"}}})
    made = {
        "args": ["--config=/etc/app/config.yaml", f"--log-level={rng.choice(['info', 'debug'])}"],
        "env": env,
        "image": image,
        "imagePullPolicy": rng.choice(["IfNotPresent", "Always"]),
                "name": name,
        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"},
                  {"containerPort": 9090, "name": "metrics", "protocol": "TCP"}],
        "readinessProbe": probe(rng, "/ready"),
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"},
                      "requests": {"cpu": "100m", "memory": "128Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"mountPath": "/etc/app", "name": "config", "readOnly": True},
            {"mountPath": "/tmp", "name": "tmp"},
            {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
             "name": token, "readOnly": True}],
    }
    if rng.random() < 0.6:
        made["securityContext"] = {
            "allowPrivilegeEscalation": rng.random() < 0.3,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": rng.random() < 0.5, "runAsNonRoot": True}
    return made


def fields(value, depth=3):
    """What `managedFields` says of a value: its upper keys once more."""
    if depth == 0:
        return {}
    if isinstance(value, dict):
        return {f"f:{key}": fields(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        return {f'k:{{"name":"{item["name"]}"}}': {".": {}, **fields(item, depth - 1)}
                for item in value}
    return {}


def pod(rng, index):
    app = f"app-{index // 8:05}"
    namespace = f"team-{index // 80 % 50:02}"
    kind, version = OWNERS[index // 8 % len(OWNERS)]
    owner = f"{app}-{word(random.Random(index // 8), 9)}" if kind == "ReplicaSet" else app
    name = f"{owner}-{word(rng, 5)}"
    token = f"kube-api-access-{word(rng, 5)}"
    image = f"{rng.choice(IMAGES)}:{rng.randrange(1, 9)}.{rng.randrange(30)}.{rng.randrange(10)}"
    containers = [container(rng, "app", image, token)]
    if rng.random() < 0.15:
        containers.append(container(rng, "proxy", "registry.example.com/mesh/proxy:1.20.3", token))
    labels = {"app.kubernetes.io/instance": app, "app.kubernetes.io/name": app,
              "pod-template-hash": word(random.Random(index // 8), 9)}
    annotations = {"checksum/config": f"{rng.getrandbits(256):064x}",
                   "prometheus.io/port": "9090", "prometheus.io/scrape": "true"}
    spec = {
        "containers": containers,
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "nodeName": f"node-{rng.randrange(300):03}.example.com",
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {"fsGroup": 1000} if rng.random() < 0.5 else {},
        "serviceAccount": app,
        "serviceAccountName": app,
        "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {"effect": "NoExecute", "key": f"node.kubernetes.io/{key}",
             "operator": "Exists", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")],
        "volumes": [
            {"configMap": {"defaultMode": 420, "name": app}, "name": "config"},
            {"emptyDir": {}, "name": "tmp"},
            {"name": token, "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}],
                               "name": "kube-root-ca.crt"}},
                {"downwardAPI": {"items": [{"fieldRef": {
                    "apiVersion": "v1", "fieldPath": "metadata.namespace"},
                    "path": "namespace"}]}}]}}],
    }
    started = moment(rng)
    ip = f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}"
    status = {
        "conditions": [
            {"lastProbeTime": None, "lastTransitionTime": started, "status": "True", "type": kind_}
            for kind_ in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
        "containerStatuses": [
            {"containerID": f"containerd://{rng.getrandbits(256):064x}", "image": c["image"],
             "imageID": f"{c['image'].split(':')[0]}@sha256:{rng.getrandbits(256):064x}",
             "lastState": {}, "name": c["name"], "ready": True,
             "restartCount": rng.randrange(4), "started": True,
             "state": {"running": {"startedAt": started}}} for c in containers],
        "hostIP": f"192.168.0.{rng.randrange(256)}",
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "qosClass": "Burstable",
        "startTime": started,
    }
    owners = [{"apiVersion": version, "blockOwnerDeletion": True, "controller": True,
               "kind": kind, "name": owner, "uid": uid(random.Random(index // 8))}]
    managed = [
        {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {
            "f:metadata": fields({"annotations": annotations, "labels": labels}),
            "f:spec": fields(spec)},
         "manager": "kube-controller-manager", "operation": "Update", "time": started},
        {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": fields(status)},
         "manager": "kubelet", "operation": "Update", "subresource": "status", "time": started}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "annotations": annotations,
            "creationTimestamp": started,
            "generateName": f"{owner}-",
            "labels": labels,
            "managedFields": managed,
            "name": name,
            "namespace": namespace,
            "ownerReferences": owners,
            "resourceVersion": str(rng.randrange(10**8)),
            "uid": uid(rng),
        },
        "spec": spec,
        "status": status,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="where to write it; - for the standard output")
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    out = sys.stdout if arguments.file == "-" else open(arguments.file, "w", encoding="utf-8")
    out.write('{\n    "apiVersion": "v1",\n    "items": [\n')
    for index in range(arguments.pods):
        text = json.dumps(pod(rng, index), indent=4, sort_keys=True)
        out.write(",\n" if index else "")
        out.write("\n".join(" " * 8 + line for line in text.split("\n")))
    out.write('\n    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n')


if __name__ == "__main__":
    main()
