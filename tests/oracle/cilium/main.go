// The judge for Cilium's policies: the packages that its agent reads policies with
// (pkg/k8s) and decides with (pkg/policy). Reads a line of JSON for each cluster with its
// questions, and answers with a line of JSON.
//
//	{"namespaces": [{…}], "pods": [{…}], "addresses": ["20.0.0.1"], "policies": [{…}],
//	 "ports": [80]}
//	{"allowed": "0120…"}    {"allowed": "", "error": "…"}
//
// The answer has a digit for every source, destination, protocol (TCP, UDP, SCTP) and port, in
// this order: 0 closed, 1 open, 2 left to a proxy that lets some requests pass. Ends are the
// pods, then the addresses. A policy is what the API server has: with a name, and a namespace
// where its kind has one.
//
// A pod in the network of its node is the node: what passes for the node that the other end is
// on, or for any other, counts.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	envoypolicy "github.com/cilium/cilium/pkg/envoy/policy"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
	ipcachetypes "github.com/cilium/cilium/pkg/ipcache/types"
	"github.com/cilium/cilium/pkg/k8s"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slimcorev1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/core/v1"
	slimnetworkingv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/trafficdirection"
	policytypes "github.com/cilium/cilium/pkg/policy/types"
	policyutils "github.com/cilium/cilium/pkg/policy/utils"
	"github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

const clusterName = "default"

var protocols = []u8proto.U8proto{u8proto.TCP, u8proto.UDP, u8proto.SCTP}

type question struct {
	Namespaces []*slimcorev1.Namespace `json:"namespaces"`
	Pods       []*slimcorev1.Pod       `json:"pods"`
	Addresses  []netip.Addr            `json:"addresses"`
	Policies   []json.RawMessage       `json:"policies"`
	Ports      []uint16                `json:"ports"`
}

type answer struct {
	Allowed string `json:"allowed"`
	Error   string `json:"error,omitempty"`
}

// As the agent starts in a cluster, with both families of addresses.
func configure() {
	option.Config.ClusterName = clusterName
	option.Config.EnableIPv4 = true
	option.Config.EnableIPv6 = true
	option.Config.EnableL7Proxy = true
	option.Config.EnableNodeSelectorLabels = true
	option.Config.UnsafeDaemonConfigOption.AllowLocalhost = option.AllowLocalhostAlways
	api.InitEntities(clusterName)
	policy.SetPolicyEnabled(option.DefaultEnforcement)
}

func main() {
	configure()
	logger := slog.New(slog.DiscardHandler)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		var a answer
		allowed, err := judge(logger, &q)
		if err != nil {
			a.Error = err.Error()
		} else {
			a.Allowed = allowed
		}
		line, err := json.Marshal(a)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		out.Write(append(line, '\n'))
	}
}

// An end is who may be meant by it; one, or several for a node.
type end []*peer

type peer struct {
	identity *identity.Identity
	ports    types.NamedPortMap
	// Whether policies hold it: a pod of its own.
	isHeld bool
	policy *policy.EndpointPolicy
}

func judge(logger *slog.Logger, q *question) (string, error) {
	ends, all, err := ends(logger, q)
	if err != nil {
		return "", err
	}
	known := identity.ListReservedIdentities()
	named := types.NewNamedPortMultiMap()
	for _, p := range all {
		known[p.identity.ID] = p.identity.LabelArray
		named.Update(p.identity.ID, nil, p.ports)
	}
	repository := policy.NewPolicyRepository(
		logger, known, nil,
		envoypolicy.NewEnvoyL7RulesTranslator(logger, nil),
		identitymanager.NewIDManager(logger), noMetrics{},
	)
	repository.SetNamedPortsGetter(namedPorts{named})
	repository.UpdateIdentities(known, nil)
	repository.GetSelectorCache().UpdateIdentities(known, nil, &sync.WaitGroup{})
	for index, text := range q.Policies {
		resource, entries, err := read(logger, text)
		if err != nil {
			return "", fmt.Errorf("policy %d: %w", index, err)
		}
		repository.ReplaceByResource(entries, resource)
	}
	for _, p := range all {
		if !p.isHeld {
			continue
		}
		resolved, _, err := repository.ComputeSelectorPolicy(p.identity)
		if err != nil {
			return "", err
		}
		redirects := map[string]uint16{policy.FallbackRedirectID: math.MaxUint16}
		p.policy = resolved.DistillPolicy(logger, owner{p}, redirects)
		if err := p.policy.Ready(); err != nil {
			return "", err
		}
	}
	var digits strings.Builder
	for _, from := range ends {
		for _, to := range ends {
			for _, protocol := range protocols {
				for _, port := range q.Ports {
					digits.WriteByte(passes(from, to, protocol, port))
				}
			}
		}
	}
	return digits.String(), nil
}

// The ends of a question, and all who may be meant by them.
func ends(logger *slog.Logger, q *question) ([]end, []*peer, error) {
	spaces := map[string]*slimcorev1.Namespace{}
	for _, space := range q.Namespaces {
		spaces[space.Name] = space
	}
	var found []end
	var all []*peer
	node := end{
		{identity: identity.LookupReservedIdentity(identity.ReservedIdentityHost)},
		{identity: identity.LookupReservedIdentity(identity.ReservedIdentityRemoteNode)},
	}
	for index, pod := range q.Pods {
		space := spaces[pod.Namespace]
		if space == nil {
			return nil, nil, fmt.Errorf("no namespace %q", pod.Namespace)
		}
		if pod.Spec.HostNetwork {
			found = append(found, node)
			continue
		}
		ports, words := k8s.GetPodMetadata(logger, space, pod)
		id := identity.MinimalNumericIdentity + identity.NumericIdentity(index)
		p := &peer{
			identity: identity.NewIdentity(id, labels.Map2Labels(words, labels.LabelSourceK8s)),
			ports:    ports,
			isHeld:   true,
		}
		all = append(all, p)
		found = append(found, end{p})
	}
	for index, address := range q.Addresses {
		id := identity.MinLocalIdentity + identity.NumericIdentity(index)
		prefix := netip.PrefixFrom(address, address.BitLen())
		p := &peer{identity: identity.NewIdentity(id, labels.GetCIDRLabels(prefix))}
		all = append(all, p)
		found = append(found, end{p})
	}
	return found, all, nil
}

// Reads a policy as the agent's watchers do. Its resource says for which namespace it is.
func read(logger *slog.Logger, text json.RawMessage) (ipcachetypes.ResourceID, policytypes.PolicyEntries, error) {
	var head struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return "", nil, err
	}
	var entries policytypes.PolicyEntries
	var err error
	kind := ipcachetypes.ResourceKindCNP
	switch head.Kind {
	case "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy":
		if head.Metadata.Namespace == "" {
			kind = ipcachetypes.ResourceKindCCNP
		}
		var object ciliumv2.CiliumNetworkPolicy
		if err := json.Unmarshal(text, &object); err != nil {
			return "", nil, err
		}
		rules, err := object.Parse(logger, clusterName)
		if err != nil {
			return "", nil, err
		}
		entries = policyutils.RulesToPolicyEntries(rules)
	case "NetworkPolicy":
		kind = ipcachetypes.ResourceKindNetpol
		var object slimnetworkingv1.NetworkPolicy
		if err := json.Unmarshal(text, &object); err != nil {
			return "", nil, err
		}
		entries, err = k8s.ParseNetworkPolicy(logger, clusterName, &object)
	case "ClusterNetworkPolicy":
		kind = ipcachetypes.ResourceKindKCNP
		var object policyv1alpha2.ClusterNetworkPolicy
		if err := json.Unmarshal(text, &object); err != nil {
			return "", nil, err
		}
		entries, err = k8s.ParseClusterNetworkPolicy(logger, clusterName, &object)
	default:
		err = fmt.Errorf("no policy is a %q", head.Kind)
	}
	return ipcachetypes.NewResourceID(kind, head.Metadata.Namespace, head.Metadata.Name), entries, err
}

// What passes at most, of all who may be meant.
func passes(from, to end, protocol u8proto.U8proto, port uint16) byte {
	most := byte('0')
	for _, source := range from {
		for _, target := range to {
			out := verdict(source, policy.EgressKey(), target, protocol, port)
			in := verdict(target, policy.IngressKey(), source, protocol, port)
			both := min(out, in)
			most = max(most, both)
		}
	}
	return []byte{'0': '0', '1': '2', '2': '1'}[most]
}

// 0 closed, 1 left to a proxy, 2 open.
func verdict(of *peer, key policy.Key, other *peer, protocol u8proto.U8proto, port uint16) byte {
	if of.policy == nil {
		return '2'
	}
	key = key.WithIdentity(other.identity.ID).WithPortProto(protocol, port)
	entry, _, _ := of.policy.Lookup(key)
	switch {
	case entry.IsDeny():
		return '0'
	case entry.IsRedirectEntry() && !of.asksNothing(key, other, protocol, port):
		return '1'
	default:
		return '2'
	}
}

// Whether the proxy that has to decide lets everything pass: it has all that the rules say of
// the port, and one that says nothing of requests suffices.
func (p *peer) asksNothing(key policy.Key, other *peer, protocol u8proto.U8proto, port uint16) bool {
	rules, named := p.policy.SelectorPolicy.L4Policy.Ingress.PortRules, p.ports
	if key.TrafficDirection() == trafficdirection.Egress {
		rules, named = p.policy.SelectorPolicy.L4Policy.Egress.PortRules, other.ports
	}
	found := false
	for i := range rules {
		rules[i].ForEach(func(filter *policy.L4Filter) bool {
			is := filter.U8Proto == u8proto.ANY || filter.U8Proto == protocol
			switch {
			case filter.PortName != "":
				is = is && named[filter.PortName] == types.PortProto{Proto: protocol, Port: port}
			case filter.Port != 0:
				is = is && filter.Port <= port && port <= max(filter.Port, filter.EndPort)
			}
			for selector, rule := range filter.PerSelectorPolicies {
				found = found || is && selector.Selects(other.identity.ID) && saysNothing(rule)
			}
			return !found
		})
	}
	return found
}

func saysNothing(rule *policy.PerSelectorPolicy) bool {
	if rule == nil {
		return true
	}
	every := func(one api.PortRuleHTTP) bool { return one.Path == "" && one.Method == "" && one.Host == "" }
	isPlain := rule.L7Rules.IsEmpty() || slices.ContainsFunc(rule.L7Rules.HTTP, every)
	return rule.Verdict == policytypes.Allow && isPlain
}

type noMetrics struct{}

func (noMetrics) AddRule(policytypes.PolicyEntry) {}
func (noMetrics) DelRule(policytypes.PolicyEntry) {}

type namedPorts struct{ all types.NamedPortMultiMap }

func (n namedPorts) GetNamedPorts() types.NamedPortMultiMap { return n.all }

// An endpoint as the policy package asks for it.
type owner struct{ *peer }

func (o owner) GetID() uint64 { return uint64(o.identity.ID) }

func (o owner) GetIngressNamedPort(name string, protocol u8proto.U8proto) uint16 {
	if port, found := o.ports[name]; found && port.Proto == protocol {
		return port.Port
	}
	return 0
}

func (owner) PolicyDebug(string, ...any) {}

func (owner) IsHost() bool { return false }

func (owner) PreviousMapStateSizes() policy.MapStateSizes { return policy.MapStateSizes{} }

func (owner) RegenerateIfAlive(*regeneration.ExternalRegenerationMetadata) <-chan bool {
	done := make(chan bool)
	close(done)
	return done
}
