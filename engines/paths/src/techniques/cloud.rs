//! How the cluster leads to clouds, other clusters and registries.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::CLOUD_IRSA,
        "is an AWS role",
        "Pods of the service account are given the AWS role of its annotation, and so is who asks for its token.",
        "Narrow the role's policy and its trust to this account, and who starts pods in the namespace.",
        &[mitre("T1078.004"), mitre("T1550.001")],
    ),
    technique(
        Id::CLOUD_GKE_WI,
        "is a Google service account",
        "Pods of the service account act as the Google account of its annotation.",
        "Narrow the Google account's roles, and who starts pods in the namespace.",
        &[mitre("T1078.004")],
    ),
    technique(
        Id::CLOUD_AKS_WI,
        "is an Azure application",
        "Pods of the service account, with the label for it, act as the Azure application of its annotation.",
        "Narrow the application's roles, and who starts pods in the namespace.",
        &[mitre("T1078.004")],
    ),
    technique(
        Id::CLOUD_KIAM,
        "is an AWS role by an annotation of the pod",
        "kiam and kube2iam give a pod the AWS role that it asks for, as far as its namespace allows.",
        "Move to roles of service accounts; until then narrow the namespace's annotation.",
        &[mitre("T1078.004")],
    ),
    technique(
        Id::CLOUD_TO_CLUSTER,
        "is a group of the cluster by its AWS role",
        "`aws-auth` makes the AWS role a member of groups of this cluster.",
        "Take the role out of `aws-auth`, or give its group fewer rights.",
        &[mitre("T1078.004")],
    ),
    technique(
        Id::CROSS_CLUSTER,
        "acts in the clusters that it manages",
        "The controller holds the credentials of other clusters.",
        "Give the credentials only the rights that its applications need there.",
        &[mitre("T1199"), mitre("T1078")],
    ),
    technique(
        Id::REGISTRY_PUSH,
        "replaces an image in the registry",
        "Whoever can write to the repository replaces the image behind a tag. Whether this credential may write, is not known here.",
        "Name the image by its digest, and pull with a credential that only reads.",
        &[mitre("T1525"), mitre("T1612"), mitre("T1195.002")],
    ),
];
