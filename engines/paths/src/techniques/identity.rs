//! Who an attacker becomes by what they find.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::POD_SA_TOKEN,
        "uses the service account token of the pod",
        "The token of the service account is mounted into the container. Whoever runs code there sends requests to the API server with it.",
        "Set `automountServiceAccountToken: false` where the API server is not used; give the account only what the application needs.",
        &[mitre("T1528"), mitre("T1552.001"), mitre("T1078")],
    ),
    technique(
        Id::POD_MOUNTED_SECRET,
        "reads a Secret that the pod has",
        "A Secret is mounted into the container or stands in its environment.",
        "Give the pod only the keys that it uses, and short-lived ones.",
        &[mitre("T1552.001"), mitre("T1552.007")],
    ),
    technique(
        Id::SECRET_IS_SA_TOKEN,
        "a Secret is the token of a service account",
        "A Secret of type `kubernetes.io/service-account-token` holds a token that does not end. Who reads the Secret is the account.",
        "Delete the Secret, and let whoever needs a token ask for one that ends (`kubectl create token`).",
        &[mitre("T1528")],
    ),
    technique(
        Id::SECRET_IS_KUBECONFIG,
        "a Secret opens another cluster",
        "The Secret holds a kubeconfig or the credentials of a cluster that is managed from here.",
        "Keep such Secrets in a namespace of their own, readable by the one controller that needs them.",
        &[mitre("T1552.001"), mitre("T1078")],
    ),
    technique(
        Id::SECRET_IS_CLOUD_KEY,
        "takes a key to the cloud",
        "A Secret, or a value in the environment of a container, is a long-lived key of a cloud account.",
        "Use workload identity of the cloud in place of keys.",
        &[mitre("T1552.001"), mitre("T1078.004")],
    ),
    technique(
        Id::SECRET_IS_BOOTSTRAP,
        "a Secret lets machines join as nodes",
        "A bootstrap token stands for `system:bootstrappers`. Where that group may ask for certificates of nodes and gets them without a person, its holder becomes a node of any name.",
        "Delete bootstrap tokens when no machine is about to join, or approve requests of new nodes by hand.",
        &[mitre("T1552.001"), mitre("T1649")],
    ),
    technique(
        Id::SECRET_IS_CA,
        "a Secret holds a key that signs identities",
        "With the key of the certificate authority, or the one that signs service account tokens, anybody makes credentials for anybody.",
        "Keep such keys out of the cluster; of those that Cluster API keeps, in a namespace that only its controllers read.",
        &[mitre("T1649"), mitre("T1606")],
    ),
    technique(
        Id::IDENTITY_HAS_PERM,
        "has the rights that a binding gives",
        "A binding gives a role to the identity, a group that it is in, or a user name that is its own.",
        "Remove the subject from the binding.",
        &[mitre("T1069")],
    ),
    technique(
        Id::GROUP_MEMBER,
        "is in a group",
        "Every service account is in `system:serviceaccounts`, in the group of its namespace, and in `system:authenticated`.",
        "Bind roles to accounts by name.",
        &[mitre("T1078")],
    ),
];
