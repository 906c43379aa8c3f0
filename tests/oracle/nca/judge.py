"""The judge for NetworkPolicies and Istio's AuthorizationPolicies: network-config-analyzer (nca).

Reads a line of JSON for each cluster with its questions, and answers with a line of JSON.

    {"objects": [{…}], "ends": ["n0/p0", "20.0.0.1"], "ports": [80]}
    {"allowed": "0120…"}    {"allowed": "", "error": "…"}

The answer has a digit for every source, destination, protocol (TCP, UDP, SCTP) and port, in this
order: 0 closed, 1 open, 2 open to some requests (methods, paths, hosts). An end is a pod by
namespace and name, or an address beyond the cluster.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
from ipaddress import ip_address

from nca.CoreDS.DimensionsManager import DimensionsManager
from nca.CoreDS.Peer import BasePeerSet
from nca.NetworkConfig.ResourcesHandler import ResourcesHandler
from nca.Resources.PolicyResources.NetworkPolicy import PolicyConnectionsFilter

PROTOCOLS = ["TCP", "UDP", "SCTP"]
REQUESTS = ["methods", "paths", "hosts"]


def index(end):
    """The number of an end in nca's sets of peers."""
    peers = BasePeerSet()
    if "/" not in end:
        address = ip_address(end)
        first = peers.min_ipv4_index if address.version == 4 else peers.min_ipv6_index
        return first + int(address)
    for peer, number in peers.peer_to_index.items():
        if peer.full_name() == end:
            return peers.min_pod_index + number
    raise ValueError(f"nca has no peer {end}")


def judge(question, folder):
    """Nca keeps what it knows in singletons: each question begins with new ones."""
    BasePeerSet.reset()
    DimensionsManager.reset()
    path = os.path.join(folder, "cluster.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n---\n".join(json.dumps(one) for one in question["objects"]))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        config = ResourcesHandler().get_network_config(None, None, None, [path])
        only = PolicyConnectionsFilter.only_all_allowed_connections()
        allowed = config.allowed_connections(res_conns_filter=only).all_allowed_conns
    ends = [index(end) for end in question["ends"]]
    ports = question["ports"]
    digits = [[["0"] * (len(PROTOCOLS) * len(ports)) for _ in ends] for _ in ends]
    dimensions = allowed.active_dimensions
    for values in allowed:
        cube = dict(zip(dimensions, values))
        digit = "2" if any(name in cube and not is_all(name, cube[name]) for name in REQUESTS) else "1"
        chosen = [
            place * len(ports) + offset
            for place, protocol in enumerate(PROTOCOLS)
            for offset, port in enumerate(ports)
            if ("protocols" not in cube or protocol in cube["protocols"])
            and ("dst_ports" not in cube or port in cube["dst_ports"])
        ]
        sources = [place for place, end in enumerate(ends) if "src_peers" not in cube or end in cube["src_peers"]]
        targets = [place for place, end in enumerate(ends) if "dst_peers" not in cube or end in cube["dst_peers"]]
        for source in sources:
            for target in targets:
                for place in chosen:
                    if digits[source][target][place] != "1":
                        digits[source][target][place] = digit
    return "".join("".join(cell) for row in digits for cell in row)


def is_all(name, values):
    # A path of a policy may be none that begins with a slash.
    return DimensionsManager().get_dimension_domain_by_name(name).contained_in(values)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            question = json.loads(line)
            try:
                answer = {"allowed": judge(question, folder)}
            # What it cannot read ends it, with SystemExit, too.
            except (Exception, SystemExit) as problem:
                answer = {"allowed": "", "error": f"{type(problem).__name__}: {problem}"}
            print(json.dumps(answer), flush=True)


main()
