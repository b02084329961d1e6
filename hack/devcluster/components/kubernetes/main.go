// Command kubernetes is etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, kubelet, kube-proxy and kubectl in one binary. It is the
// program whose name it was called by (a symlink, say), or else the one that its
// first argument names.
//
// One binary, because the seven share most of their code: linked one by one they
// take seven links and several times the disk. One process for each, because two of
// their commands in one process panic ("close of closed channel": each installs
// the process-wide signal handler).
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	// Time zones of CronJobs: a node made from a bare machine may have no tzdata.
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	// The programs' own main packages link these in for their side effects: the
	// JSON log format and the metrics of client-go and of the version.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// programs maps a name to the program; each returns its exit status.
var programs = map[string]func(args []string) int{
	"etcd":                    runEtcd,
	"kube-apiserver":          withCobra(func() *cobra.Command { return apiserver.NewAPIServerCommand() }),
	"kube-controller-manager": withCobra(controllermanager.NewControllerManagerCommand),
	"kube-scheduler":          withCobra(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kubelet":                 withCobra(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }),
	"kube-proxy":              withCobra(kubeproxy.NewProxyCommand),
	"kubectl":                 runKubectl,
}

func main() {
	if program, ok := programs[filepath.Base(os.Args[0])]; ok {
		os.Exit(program(os.Args[1:]))
	}
	if len(os.Args) > 1 {
		if program, ok := programs[os.Args[1]]; ok {
			os.Exit(program(os.Args[2:]))
		}
	}
	names := slices.Sorted(maps.Keys(programs))
	fmt.Fprintf(os.Stderr, "usage: kubernetes {%s} [flags]\n", strings.Join(names, "|"))
	os.Exit(2)
}

// withCobra defers building the command until it is known which program is
// wanted: a constructor registers flags and metrics of its own process-wide.
func withCobra(newCommand func() *cobra.Command) func([]string) int {
	return func(args []string) int {
		command := newCommand()
		command.SetArgs(args)
		return cli.Run(command)
	}
}

func runEtcd(args []string) int {
	etcdmain.Main(append([]string{"etcd"}, args...))
	return 0
}

// runKubectl does what kubectl's own main does. Plugins and the verbosity flag
// are read from os.Args, which a call by first argument would leave shifted.
func runKubectl(args []string) int {
	os.Args = append([]string{"kubectl"}, args...)
	// GlogSetter fails only on a malformed -v, which the command itself reports.
	_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
	return 0
}
