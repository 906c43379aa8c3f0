//! How rights over network, storage and nodes lead on.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::PV_HOSTPATH,
        "mounts the node's files through a volume",
        "A PersistentVolume may be any path of a node. Pod Security looks at the pod, which only names a claim.",
        "Take `create persistentvolumes` from the role: provisioners make volumes.",
        &[mitre("T1611")],
    ),
    technique(
        Id::PV_CLAIMREF,
        "claims the volume of somebody else",
        "Who changes a PersistentVolume that was released, or says whose it is, mounts the data in it.",
        "Take `update` and `patch` on persistentvolumes from the role.",
        &[mitre("T1005")],
    ),
    technique(
        Id::SNAPSHOT_STEAL,
        "restores the snapshot of somebody else",
        "A VolumeSnapshotContent may refer to any snapshot of the storage; restored into a claim, its data is there.",
        "Take `create volumesnapshotcontents` from the role.",
        &[mitre("T1005"), mitre("T1530")],
    ),
    technique(
        Id::CSI_INLINE,
        "fetches secrets through the storage driver",
        "A SecretProviderClass says which secrets are fetched from outside; a pod mounts them.",
        "Let the provider use the pod's own identity, and take `create secretproviderclasses` from the role.",
        &[mitre("T1552")],
    ),
    technique(
        Id::ENDPOINT_REDIRECT,
        "sends a Service's traffic elsewhere",
        "Endpoints and EndpointSlices say where the traffic of a Service goes, also past network policies by way of a load balancer.",
        "Take write access to endpoints and endpointslices from the role.",
        &[mitre("T1557")],
    ),
    technique(
        Id::SERVICE_EXTERNALIP,
        "takes over an address by a Service",
        "A Service with `externalIPs`, or the status of one, catches what pods send to that address (CVE-2020-8554).",
        "Turn on the admission plugin DenyServiceExternalIPs, and take `services/status` from the role.",
        &[mitre("T1557")],
    ),
    technique(
        Id::INGRESS_SNIPPET,
        "writes configuration of the ingress controller",
        "Annotations of an Ingress become configuration of nginx, which runs code with the controller's account; of old versions also where snippets are off (CVE-2025-1097, CVE-2025-1098, CVE-2025-24514).",
        "Set `allow-snippet-annotations: \"false\"`, update, and move to a controller that is maintained: ingress-nginx has ended.",
        &[mitre("T1190"), mitre("T1552")],
    ),
    technique(
        Id::INGRESS_ADMISSION_RCE,
        "runs code in the ingress controller through its webhook",
        "The webhook of ingress-nginx before 1.11.5 and 1.12.1 runs what anybody sends it who reaches its port (CVE-2025-1974).",
        "Update, or let only the API server reach the port, and move to a controller that is maintained.",
        &[mitre("T1210")],
    ),
    technique(
        Id::NETPOL_DELETE,
        "removes the walls of the network",
        "Who deletes or changes network policies reaches what they kept apart.",
        "Take write access to networkpolicies from the role.",
        &[mitre("T1562.004")],
    ),
    technique(
        Id::GATEWAY_ATTACH,
        "attaches a route to a shared gateway",
        "The gateway takes routes of every namespace: a route for the host of somebody else gets its requests.",
        "Limit `allowedRoutes` of the listener to the namespaces that are meant.",
        &[mitre("T1557")],
    ),
    technique(
        Id::NODE_LABEL,
        "labels its node so that pods come to it",
        "Pods that ask for a label are scheduled where it is.",
        "Take `update` and `patch` on nodes from the role; use labels under `node-restriction.kubernetes.io/`.",
        &[mitre("T1610")],
    ),
    technique(
        Id::NODE_ADDR_SPOOF,
        "sends the API server to a kubelet of its own",
        "The API server connects to the address in a node's status and does not check whose certificate answers: commands and logs go through the attacker.",
        "Set `--kubelet-certificate-authority` of the API server.",
        &[mitre("T1557")],
    ),
    technique(
        Id::NODE_CREATE_FAKE,
        "registers a node that is none",
        "Every DaemonSet starts a pod on a new node; its kubelet has their tokens and Secrets.",
        "Take `create nodes` from the role.",
        &[mitre("T1610")],
    ),
];
