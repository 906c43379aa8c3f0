// Command kubernetes is a control plane for tests, in one program: the first
// argument says which of its parts to be.
//
//	kubernetes etcd ARGS…        etcd
//	kubernetes apiserver ARGS…   kube-apiserver
//	kubernetes policystatus FILE the controller that checks the types in admission
//	                             policies; FILE is a kubeconfig
//	kubernetes versions          what is in here, as JSON
//
// With EXIT_WITH_STDIN set it ends when its standard input does: a test that is
// killed leaves nothing running.
package main

import (
	"fmt"
	"io"
	"os"

	"go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubernetes "k8s.io/component-base/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kubernetes etcd|apiserver|policystatus|versions ARGS…")
		os.Exit(2)
	}
	// The parts read os.Args themselves.
	role := os.Args[1]
	os.Args = append([]string{role}, os.Args[2:]...)
	if os.Getenv("EXIT_WITH_STDIN") != "" {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	switch role {
	case "etcd":
		etcdmain.Main(os.Args)
	case "apiserver":
		os.Exit(cli.Run(app.NewAPIServerCommand()))
	case "policystatus":
		os.Exit(runPolicyStatus(os.Args[1:]))
	case "versions":
		fmt.Printf("{\"kubernetes\":%q,\"etcd\":%q}\n", kubernetes.Get().GitVersion, version.Version)
	default:
		fmt.Fprintf(os.Stderr, "kubernetes: no part is called %q\n", role)
		os.Exit(2)
	}
}
