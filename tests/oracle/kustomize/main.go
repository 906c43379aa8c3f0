// The kustomize judge: what `kustomize build` prints, as JSON.
//
// It reads one JSON request per line on stdin and writes one JSON answer per
// line on stdout, in the same order. Each request runs kustomize's own build
// command (commands/build of the kustomize CLI module) and reads its YAML as
// kubectl does. It has no network: PATH is empty (so there is no git) and HTTP
// goes to a closed port. See ../README.md for the format.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime/debug"

	"sigs.k8s.io/kustomize/kustomize/v5/commands/build"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

type request struct {
	Dir string `json:"dir"`
	// A helm program for `helmCharts`; --enable-helm is given with it.
	HelmCommand string `json:"helm_command"`
	// "none" is --load-restrictor LoadRestrictionsNone; default is root only.
	LoadRestrictor string `json:"load_restrictor"`
	// Also answer with the text that `kustomize build` prints.
	Text bool `json:"text"`
}

type object struct {
	Object json.RawMessage `json:"object"`
}

type answer struct {
	Objects []object `json:"objects"`
	Text    string   `json:"text,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func main() {
	log.SetOutput(os.Stderr)
	os.Setenv("PATH", "")
	for _, name := range []string{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"} {
		os.Setenv(name, "http://127.0.0.1:1")
	}
	os.Unsetenv("no_proxy")
	os.Unsetenv("NO_PROXY")
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
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
	result, err := run(req)
	if err != nil {
		result = answer{Objects: []object{}, Error: err.Error()}
	}
	return result
}

func run(req request) (answer, error) {
	var text bytes.Buffer
	command := build.NewCmdBuild(filesys.MakeFsOnDisk(), build.MakeHelp("kustomize", "build"), &text)
	arguments := []string{req.Dir}
	if req.HelmCommand != "" {
		path, err := filepath.Abs(req.HelmCommand)
		if err != nil {
			return answer{}, err
		}
		arguments = append(arguments, "--enable-helm", "--helm-command", path)
	}
	if req.LoadRestrictor == "none" {
		arguments = append(arguments, "--load-restrictor", "LoadRestrictionsNone")
	}
	command.SetArgs(arguments)
	command.SetOut(os.Stderr)
	command.SetErr(os.Stderr)
	command.SilenceErrors = true
	if err := command.Execute(); err != nil {
		return answer{}, err
	}
	result := answer{Objects: []object{}}
	// kustomize writes "---" at the start of a line only between objects.
	for _, document := range bytes.Split(text.Bytes(), []byte("\n---\n")) {
		value, err := yaml.YAMLToJSON(document)
		if err != nil {
			return answer{}, err
		}
		if string(value) != "null" {
			result.Objects = append(result.Objects, object{Object: value})
		}
	}
	if req.Text {
		result.Text = text.String()
	}
	return result, nil
}
