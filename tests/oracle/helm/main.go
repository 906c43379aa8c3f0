// The helm judge: what `helm template` renders, as JSON.
//
// It reads one JSON request per line on stdin and writes one JSON answer per
// line on stdout, in the same order. It follows `helm template` step by step
// (cmd/helm/template.go and install.go of the same Helm version) with Helm's
// own packages. See ../README.md for the format.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/release"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type request struct {
	Chart       string   `json:"chart"`
	ValuesFiles []string `json:"values_files"`
	Set         []string `json:"set"`
	SetString   []string `json:"set_string"`
	SetJSON     []string `json:"set_json"`
	SetFile     []string `json:"set_file"`
	// Default "release-name", as `helm template CHART`.
	ReleaseName string `json:"release_name"`
	// Default "default".
	Namespace   string   `json:"namespace"`
	KubeVersion string   `json:"kube_version"`
	APIVersions []string `json:"api_versions"`
	IncludeCRDs bool     `json:"include_crds"`
	IsUpgrade   bool     `json:"is_upgrade"`
	SkipTests   bool     `json:"skip_tests"`
	SkipHooks   bool     `json:"skip_hooks"`
	SkipSchema  bool     `json:"skip_schema_validation"`
	// Not an option of helm: render although a chart that Chart.yaml names
	// as a dependency is missing in charts/.
	IgnoreMissingDependencies bool `json:"ignore_missing_dependencies"`
	// Also answer with the text that `helm template` prints.
	Text bool `json:"text"`
}

type object struct {
	// The template or crds/ file, as in helm's "# Source:" line.
	Source string `json:"source"`
	// helm's hook events; empty for an ordinary object.
	Hooks  []string        `json:"hooks,omitempty"`
	Object json.RawMessage `json:"object"`
}

type answer struct {
	Objects []object `json:"objects"`
	Text    string   `json:"text,omitempty"`
	Notes   string   `json:"notes,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func main() {
	// helm logs (a coalescing warning, say) must not mix with the answers.
	log.SetOutput(os.Stderr)
	// Nothing here may reach a cluster or a user's own helm settings.
	for _, name := range os.Environ() {
		if key, _, _ := strings.Cut(name, "="); strings.HasPrefix(key, "HELM_") || strings.HasPrefix(key, "KUBE") {
			os.Unsetenv(key)
		}
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	// What a template sees in .Capabilities when nothing is asked for.
	if len(os.Args) == 2 && os.Args[1] == "--capabilities" {
		if err := encoder.Encode(chartutil.DefaultCapabilities); err != nil {
			log.Fatal(err)
		}
		out.Flush()
		return
	}
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := encoder.Encode(respond(line)); err != nil {
				log.Fatal(err)
			}
			out.Flush()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}

func respond(line []byte) (result answer) {
	defer func() {
		if cause := recover(); cause != nil {
			debug.PrintStack()
			result = answer{Objects: []object{}, Error: fmt.Sprintf("panic: %v", cause)}
		}
	}()
	var req request
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&req); err != nil {
		return answer{Objects: []object{}, Error: "bad request: " + err.Error()}
	}
	result, err := template(req)
	if err != nil {
		result = answer{Objects: []object{}, Error: err.Error()}
	}
	return result
}

// template does what `helm template` does.
func template(req request) (answer, error) {
	settings := cli.New()
	config := new(action.Configuration)
	config.Log = func(string, ...interface{}) {}
	client := action.NewInstall(config)

	if req.KubeVersion != "" {
		version, err := chartutil.ParseKubeVersion(req.KubeVersion)
		if err != nil {
			return answer{}, fmt.Errorf("invalid kube version '%s': %s", req.KubeVersion, err)
		}
		client.KubeVersion = version
	}
	client.DryRunOption = "true"
	client.DryRun = true
	client.ReleaseName = "release-name"
	if req.ReleaseName != "" {
		client.ReleaseName = req.ReleaseName
	}
	client.Replace = true
	client.ClientOnly = true
	client.APIVersions = chartutil.VersionSet(req.APIVersions)
	client.IncludeCRDs = req.IncludeCRDs
	client.IsUpgrade = req.IsUpgrade
	client.SkipSchemaValidation = req.SkipSchema
	client.Timeout = 5 * time.Minute
	client.Namespace = req.Namespace
	if client.Namespace == "" {
		client.Namespace = "default"
	}

	path, err := client.ChartPathOptions.LocateChart(req.Chart, settings)
	if err != nil {
		return answer{}, err
	}
	options := values.Options{
		ValueFiles:   req.ValuesFiles,
		Values:       req.Set,
		StringValues: req.SetString,
		JSONValues:   req.SetJSON,
		FileValues:   req.SetFile,
	}
	vals, err := options.MergeValues(getter.All(settings))
	if err != nil {
		return answer{}, err
	}
	chart, err := loader.Load(path)
	if err != nil {
		return answer{}, err
	}
	switch chart.Metadata.Type {
	case "", "application":
	default:
		return answer{}, fmt.Errorf("%s charts are not installable", chart.Metadata.Type)
	}
	if dependencies := chart.Metadata.Dependencies; dependencies != nil && !req.IgnoreMissingDependencies {
		if err := action.CheckDependencies(chart, dependencies); err != nil {
			return answer{}, fmt.Errorf("An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies: %w", err)
		}
	}
	rel, err := client.Run(chart, vals)
	if err != nil {
		return answer{}, err
	}

	text := strings.TrimSpace(rel.Manifest) + "\n"
	result := answer{Objects: []object{}, Notes: rel.Info.Notes}
	if result.Objects, err = objects(text, "", nil); err != nil {
		return answer{}, err
	}
	if !req.SkipHooks {
		for _, hook := range rel.Hooks {
			events := []string{}
			test := false
			for _, event := range hook.Events {
				events = append(events, string(event))
				test = test || event == release.HookTest
			}
			if test && req.SkipTests {
				continue
			}
			text += fmt.Sprintf("---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
			more, err := objects(hook.Manifest, hook.Path, events)
			if err != nil {
				return answer{}, err
			}
			result.Objects = append(result.Objects, more...)
		}
	}
	if req.Text {
		result.Text = text
	}
	return result, nil
}

var sourceLine = regexp.MustCompile(`(?m)\A\s*# Source: (.+)$`)

// objects reads a stream of documents as kubectl does. A document without a
// "# Source:" line (the second one of a crds/ file) has the source of the one
// before.
func objects(text, source string, hooks []string) ([]object, error) {
	result := []object{}
	reader := k8syaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := reader.Read()
		if err == io.EOF {
			return result, nil
		}
		if err != nil {
			return nil, err
		}
		if found := sourceLine.FindSubmatch(document); found != nil && hooks == nil {
			source = strings.TrimSpace(string(found[1]))
		}
		value, err := yaml.YAMLToJSON(document)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		if string(value) != "null" {
			result = append(result, object{Source: source, Hooks: hooks, Object: value})
		}
	}
}
