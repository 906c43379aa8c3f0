// The judge for NetworkPolicies: the policy matcher of cyclonus. Reads a line of JSON for each
// cluster with its questions, and answers with a line of JSON.
//
//	{"policies": [{…}], "ends": [{"namespace": "a", "namespace_labels": {}, "labels": {},
//	  "ip": "192.0.2.1", "ports": [{"name": "web", "protocol": "TCP", "port": 80}]}],
//	 "ports": [80]}
//	{"allowed": "0110…"}    {"error": "…"}
//
// The answer has a digit for every source, destination, protocol (TCP, UDP, SCTP) and port, in
// this order. An end without a namespace is beyond the cluster. The matcher wants policies
// with their policyTypes, which the API server would fill in.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type port struct {
	Name     string      `json:"name"`
	Protocol v1.Protocol `json:"protocol"`
	Port     int         `json:"port"`
}

type end struct {
	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespace_labels"`
	Labels          map[string]string `json:"labels"`
	IP              string            `json:"ip"`
	Ports           []port            `json:"ports"`
}

type question struct {
	Policies []*networkingv1.NetworkPolicy `json:"policies"`
	Ends     []end                         `json:"ends"`
	Ports    []int                         `json:"ports"`
}

type answer struct {
	Allowed string `json:"allowed,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
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
		line, err := json.Marshal(judge(q))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		out.Write(append(line, '\n'))
	}
}

// The matcher panics at policies that are not valid.
func judge(q question) (a answer) {
	defer func() {
		if problem := recover(); problem != nil {
			a = answer{Error: fmt.Sprint(problem)}
		}
	}()
	policy := matcher.BuildNetworkPolicies(false, q.Policies)
	var allowed strings.Builder
	for _, from := range q.Ends {
		for _, to := range q.Ends {
			for _, protocol := range []v1.Protocol{v1.ProtocolTCP, v1.ProtocolUDP, v1.ProtocolSCTP} {
				for _, number := range q.Ports {
					traffic := &matcher.Traffic{
						Source:           peer(from),
						Destination:      peer(to),
						ResolvedPort:     number,
						ResolvedPortName: name(to, protocol, number),
						Protocol:         protocol,
					}
					if policy.IsTrafficAllowed(traffic).IsAllowed() {
						allowed.WriteByte('1')
					} else {
						allowed.WriteByte('0')
					}
				}
			}
		}
	}
	return answer{Allowed: allowed.String()}
}

func peer(e end) *matcher.TrafficPeer {
	p := &matcher.TrafficPeer{IP: e.IP}
	if e.Namespace != "" {
		p.Internal = &matcher.InternalPeer{
			PodLabels:       e.Labels,
			NamespaceLabels: e.NamespaceLabels,
			Namespace:       e.Namespace,
		}
	}
	return p
}

func name(to end, protocol v1.Protocol, number int) string {
	for _, p := range to.Ports {
		if p.Protocol == protocol && p.Port == number {
			return p.Name
		}
	}
	return ""
}
