//! The rules as expressions. Lists are those of the native checks, which the test of
//! equivalence holds together.

use super::Entry;
use crate::rules::Id;

/// What expressions share, each using only those above it.
pub(super) const VARIABLES: &[(&str, &str)] = &[
    (
        "pod",
        "object.kind == \"Pod\" ? object
: object.kind == \"PodTemplate\" ? object.template
: object.kind == \"CronJob\" ? object.spec.jobTemplate.spec.template
: object.spec.template",
    ),
    ("spec", "variables.pod.spec"),
    (
        "written",
        "variables.spec.containers + variables.spec.?initContainers.orValue([])",
    ),
    (
        "containers",
        "variables.written + variables.spec.?ephemeralContainers.orValue([])",
    ),
    (
        "lasting",
        "variables.spec.containers
+ variables.spec.?initContainers.orValue([]).filter(c, c.?restartPolicy.orValue(\"\") == \"Always\")",
    ),
    (
        "unprivileged",
        "variables.containers.filter(c, !c.?securityContext.?privileged.orValue(false))",
    ),
    ("hostNetwork", "variables.spec.?hostNetwork.orValue(false)"),
    (
        "userNamespace",
        "!variables.spec.?hostUsers.orValue(true)",
    ),
    (
        "windows",
        "variables.spec.?os.?name.orValue(\"\") == \"windows\"
|| variables.spec.?nodeSelector.orValue({}).exists(key, value,
  key in [\"kubernetes.io/os\", \"beta.kubernetes.io/os\"] && value == \"windows\")",
    ),
    // What baseline lets a container add.
    (
        "modest",
        "[\"AUDIT_WRITE\", \"CHOWN\", \"DAC_OVERRIDE\", \"FOWNER\", \"FSETID\", \"KILL\", \"MKNOD\",
 \"NET_BIND_SERVICE\", \"SETFCAP\", \"SETGID\", \"SETPCAP\", \"SETUID\", \"SYS_CHROOT\"]",
    ),
    // What is missing, and in which containers: a container that is privileged has other
    // troubles.
    (
        "open",
        "variables.written.filter(c,
  has(c.image) && !c.?securityContext.?privileged.orValue(false))",
    ),
    (
        "keepsCapabilities",
        "!variables.windows && variables.open.exists(c,
  !c.?securityContext.?capabilities.?drop.orValue([]).exists(cap, cap.upperAscii() == \"ALL\"))",
    ),
    (
        "mayEscalate",
        "!variables.windows && variables.open.exists(c,
  !c.?securityContext.?allowPrivilegeEscalation.hasValue()
  && !c.?securityContext.?capabilities.?add.orValue([])
    .exists(cap, cap in [\"SYS_ADMIN\", \"CAP_SYS_ADMIN\", \"ALL\"]))",
    ),
    (
        "mayBeRoot",
        "!variables.userNamespace && variables.open.exists(c,
  !c.?securityContext.?runAsNonRoot.hasValue()
  && !variables.spec.?securityContext.?runAsNonRoot.hasValue()
  && !c.?securityContext.?runAsUser.hasValue()
  && !variables.spec.?securityContext.?runAsUser.hasValue())",
    ),
    (
        "withoutSeccomp",
        "!variables.windows && variables.open.exists(c,
  !c.?securityContext.?seccompProfile.?type.hasValue()
  && !variables.spec.?securityContext.?seccompProfile.?type.hasValue())",
    ),
    (
        "writable",
        "!variables.windows && variables.open.exists(c,
  !c.?securityContext.?readOnlyRootFilesystem.orValue(false))",
    ),
    // All of these together are one finding of its own.
    (
        "nothingAtAll",
        "variables.keepsCapabilities && variables.mayEscalate && variables.mayBeRoot
&& variables.withoutSeccomp && variables.writable",
    ),
    // An image without its registry and folders: `name`, `name:tag` or `name@digest`.
    (
        "untagged",
        "variables.containers.filter(c, has(c.image) && !c.image.contains(\"@\")
  && (!c.image.split(\"/\").last().value().contains(\":\") || c.image.endsWith(\":latest\")))
.map(c, c.name)",
    ),
    (
        "floating",
        "variables.containers.filter(c, has(c.image) && !c.image.contains(\"@\")
  && c.image.split(\"/\").last().value().contains(\":\")
  && c.image.split(\":\").last().value().lowerAscii() in [\"stable\", \"master\", \"main\", \"trunk\",
    \"head\", \"edge\", \"nightly\", \"dev\", \"develop\", \"devel\", \"development\", \"snapshot\",
    \"unstable\", \"canary\", \"testing\", \"current\", \"prod\", \"production\", \"staging\", \"release\"]
  && c.?imagePullPolicy.orValue(\"IfNotPresent\") != \"Always\")
.map(c, c.name)",
    ),
];

const fn of(id: Id, expression: &'static str) -> Entry {
    Entry {
        id,
        expression,
        skips_components: true,
    }
}

const fn everywhere(id: Id, expression: &'static str) -> Entry {
    Entry {
        id,
        expression,
        skips_components: false,
    }
}

/// The rules that are policies.
pub(super) const ENTRIES: &[Entry] = &[
    of(
        Id::W01,
        "variables.containers.all(c, !c.?securityContext.?privileged.orValue(false))",
    ),
    of(Id::W02, "!variables.spec.?hostPID.orValue(false)"),
    of(Id::W03, "!variables.spec.?hostIPC.orValue(false)"),
    of(Id::W04, "!variables.hostNetwork"),
    of(
        Id::W08,
        "variables.hostNetwork || variables.containers.all(c,
  c.?ports.orValue([]).all(port, port.?hostPort.orValue(0) == 0))",
    ),
    everywhere(
        Id::W09,
        "variables.unprivileged.all(c, c.?securityContext.?capabilities.?add.orValue([])
  .all(cap, cap.upperAscii() in variables.modest
    || cap.upperAscii() in [\"NET_RAW\", \"CAP_NET_RAW\"]))",
    ),
    of(
        Id::W10,
        "(!variables.keepsCapabilities || variables.nothingAtAll)
&& variables.unprivileged.all(c,
  !c.?securityContext.?capabilities.?drop.orValue([]).exists(cap, cap.upperAscii() == \"ALL\")
  || !c.?securityContext.?capabilities.?add.orValue([])
    .all(cap, cap.upperAscii() in variables.modest)
  || c.?securityContext.?capabilities.?add.orValue([])
    .all(cap, cap.upperAscii() == \"NET_BIND_SERVICE\"))",
    ),
    everywhere(
        Id::W11,
        "variables.unprivileged.all(c,
  !c.?securityContext.?capabilities.?add.orValue([])
    .exists(cap, cap.upperAscii() in [\"NET_RAW\", \"CAP_NET_RAW\"])
  || c.?securityContext.?capabilities.?add.orValue([])
    .exists(cap, !(cap.upperAscii() in variables.modest)
      && !(cap.upperAscii() in [\"NET_RAW\", \"CAP_NET_RAW\"])))",
    ),
    of(
        Id::W12,
        "(!variables.mayEscalate || variables.nothingAtAll)
&& (variables.windows || variables.unprivileged.all(c,
  !c.?securityContext.?allowPrivilegeEscalation.orValue(false)
  || c.?securityContext.?capabilities.?add.orValue([])
    .exists(cap, cap in [\"SYS_ADMIN\", \"CAP_SYS_ADMIN\", \"ALL\"])))",
    ),
    of(
        Id::W13,
        "variables.nothingAtAll || variables.userNamespace || (!variables.mayBeRoot
  && variables.open.all(c,
    c.?securityContext.?runAsNonRoot.hasValue()
    || variables.spec.?securityContext.?runAsNonRoot.hasValue()
    || c.?securityContext.?runAsUser
      .or(variables.spec.?securityContext.?runAsUser).orValue(0) == 0)
  && (variables.windows || variables.unprivileged.all(c,
    c.?securityContext.?runAsUser.hasValue()
    || variables.spec.?securityContext.?runAsUser.hasValue()
    || c.?securityContext.?runAsNonRoot
      .or(variables.spec.?securityContext.?runAsNonRoot).orValue(true))))",
    ),
    of(
        Id::W14,
        "variables.windows || variables.userNamespace
|| ((variables.spec.?securityContext.?runAsUser.orValue(1) != 0
    || variables.containers.all(c, c.?securityContext.?runAsUser.hasValue()))
  && variables.unprivileged.all(c, c.?securityContext.?runAsUser.orValue(1) != 0))",
    ),
    everywhere(
        Id::W16,
        "variables.unprivileged.all(c, c.?securityContext.?seccompProfile.?type
  .or(variables.spec.?securityContext.?seccompProfile.?type).orValue(\"\") != \"Unconfined\")",
    ),
    of(
        Id::W17,
        "!variables.withoutSeccomp || variables.nothingAtAll",
    ),
    everywhere(
        Id::W18,
        "variables.unprivileged.all(c, c.?securityContext.?appArmorProfile.?type
  .or(variables.spec.?securityContext.?appArmorProfile.?type).orValue(\"\") != \"Unconfined\"
  && (c.?securityContext.?appArmorProfile.?type.hasValue()
    || variables.pod.?metadata.?annotations
      [?\"container.apparmor.security.beta.kubernetes.io/\" + c.name]
      .orValue(\"\") != \"unconfined\"))",
    ),
    everywhere(
        Id::W19,
        "(variables.unprivileged.map(c, c.?securityContext.?seLinuxOptions)
  + [variables.spec.?securityContext.?seLinuxOptions])
.all(options, options.?type.orValue(\"\") in [\"\", \"container_t\", \"container_init_t\",
    \"container_kvm_t\", \"container_engine_t\"]
  && options.?user.orValue(\"\") == \"\" && options.?role.orValue(\"\") == \"\")",
    ),
    of(
        Id::W20,
        "variables.userNamespace || variables.containers.all(c,
  c.?securityContext.?procMount.orValue(\"Default\") != \"Unmasked\")",
    ),
    of(
        Id::W21,
        "variables.spec.?securityContext.?sysctls.orValue([]).all(setting, setting.name in [
  \"kernel.shm_rmid_forced\", \"net.ipv4.ip_local_port_range\", \"net.ipv4.tcp_syncookies\",
  \"net.ipv4.ping_group_range\", \"net.ipv4.ip_unprivileged_port_start\",
  \"net.ipv4.ip_local_reserved_ports\", \"net.ipv4.tcp_keepalive_time\",
  \"net.ipv4.tcp_fin_timeout\", \"net.ipv4.tcp_keepalive_intvl\",
  \"net.ipv4.tcp_keepalive_probes\", \"net.ipv4.tcp_rmem\", \"net.ipv4.tcp_wmem\",
  \"net.ipv4.tcp_slow_start_after_idle\", \"net.ipv4.tcp_notsent_lowat\"])",
    ),
    of(
        Id::W22,
        "variables.spec.?volumes.orValue([]).all(volume, volume.all(field, field in [\"name\",
  \"configMap\", \"csi\", \"downwardAPI\", \"emptyDir\", \"ephemeral\", \"image\",
  \"persistentVolumeClaim\", \"projected\", \"secret\", \"hostPath\", \"gitRepo\", \"flexVolume\",
  \"glusterfs\", \"quobyte\", \"storageos\", \"scaleIO\", \"cephfs\", \"rbd\", \"flocker\"]))",
    ),
    of(
        Id::W23,
        "!variables.spec.?securityContext.?windowsOptions.?hostProcess.orValue(false)
&& variables.containers.all(c,
  !c.?securityContext.?windowsOptions.?hostProcess.orValue(false))",
    ),
    of(
        Id::W24,
        "variables.containers.all(c, [c.?livenessProbe, c.?readinessProbe, c.?startupProbe,
  c.?lifecycle.?postStart, c.?lifecycle.?preStop]
  .all(hook, [hook.?httpGet.?host.orValue(\"\"), hook.?tcpSocket.?host.orValue(\"\")]
    .all(host, host == \"\"
      || (variables.hostNetwork && host in [\"127.0.0.1\", \"localhost\", \"::1\"]))))",
    ),
    of(
        Id::W25,
        "variables.windows || has(variables.spec.hostUsers) || variables.hostNetwork
|| variables.spec.?hostPID.orValue(false) || variables.spec.?hostIPC.orValue(false)
|| variables.spec.?volumes.orValue([]).exists(volume, has(volume.hostPath))
|| variables.containers.exists(c, c.?securityContext.?privileged.orValue(false))
|| variables.lasting.all(c, c.?securityContext.?runAsUser
    .or(variables.spec.?securityContext.?runAsUser).orValue(1) != 0
  || size(c.?securityContext.?capabilities.?add.orValue([])) == 0)",
    ),
    of(Id::W26, "!variables.writable || variables.nothingAtAll"),
    of(Id::W27, "!variables.nothingAtAll"),
    of(
        Id::W28,
        "!variables.spec.?shareProcessNamespace.orValue(false) || size(variables.containers) < 2",
    ),
    everywhere(
        Id::W33,
        "variables.containers.all(c,
  c.?env.orValue([]).all(variable, !variable.?valueFrom.?secretKeyRef.hasValue())
  && c.?envFrom.orValue([]).all(source, !has(source.secretRef)))",
    ),
    everywhere(Id::W34, "size(variables.untagged) == 0"),
    everywhere(
        Id::W35,
        "variables.containers.all(c, !has(c.image) || c.image.contains(\"@\")
  || c.name in variables.untagged || c.name in variables.floating)",
    ),
    everywhere(Id::W38, "size(variables.floating) == 0"),
    of(
        Id::W41,
        "size(variables.spec.?hostAliases.orValue([])) == 0",
    ),
    of(
        Id::W42,
        "variables.containers.all(c,
  !(c.?command.orValue([]) + c.?args.orValue([]))
    .exists(word, word.matches('(^|[\\\\s/])(sshd|sudo)($|\\\\s)'))
  && c.?ports.orValue([]).all(port, port.containerPort != 22
    && !(port.?name.orValue(\"\") in [\"ssh\", \"sshd\"])))",
    ),
    of(
        Id::W43,
        "object.kind != \"Pod\" || size(object.metadata.?ownerReferences.orValue([])) > 0
|| variables.spec.?restartPolicy.orValue(\"Always\") in [\"Never\", \"OnFailure\"]
|| object.metadata.?annotations.orValue({}).exists(key,
  key.startsWith(\"helm.sh/hook\") || key == \"kubernetes.io/config.mirror\")
|| (request.namespace == \"kube-system\" && variables.hostNetwork)",
    ),
    of(
        Id::W46,
        "variables.spec.?volumes.orValue([]).all(volume, !volume.exists(field, field in [
  \"gitRepo\", \"flexVolume\", \"glusterfs\", \"quobyte\", \"storageos\", \"scaleIO\", \"cephfs\",
  \"rbd\", \"flocker\"]))",
    ),
    of(
        Id::W48,
        "variables.windows
|| variables.spec.?securityContext.?sysctls.orValue([])
  .exists(setting, setting.name == \"net.ipv4.ip_unprivileged_port_start\")
|| variables.lasting.all(c, c.?securityContext.?privileged.orValue(false)
  || !c.?securityContext.?capabilities.?drop.orValue([])
    .exists(cap, cap.upperAscii() in [\"ALL\", \"NET_BIND_SERVICE\"])
  || c.?securityContext.?capabilities.?add.orValue([])
    .exists(cap, cap.upperAscii() in [\"ALL\", \"NET_BIND_SERVICE\"])
  || (c.?securityContext.?runAsUser.or(variables.spec.?securityContext.?runAsUser).hasValue()
    ? c.?securityContext.?runAsUser.or(variables.spec.?securityContext.?runAsUser).value() == 0
    : !c.?securityContext.?runAsNonRoot
      .or(variables.spec.?securityContext.?runAsNonRoot).orValue(false))
  || c.?ports.orValue([]).all(port, port.containerPort >= 1024 || port.containerPort < 1))",
    ),
];
