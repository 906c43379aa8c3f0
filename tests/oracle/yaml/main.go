// The YAML judge: what Kubernetes reads from a manifest.
//
// It reads one JSON request per line on stdin and writes one JSON answer per
// line on stdout, in the same order. It reads as kubectl does: the stream is
// split by k8s.io/apimachinery's YAMLOrJSONDecoder and each document goes
// through sigs.k8s.io/yaml. See ../README.md for the format.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"sort"
	"strconv"

	goyaml "go.yaml.in/yaml/v2"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type request struct {
	// One of the three.
	Path  string  `json:"path"`
	Text  *string `json:"text"`
	Bytes *[]byte `json:"base64"`
	// Also answer with the tree before it becomes JSON.
	Typed bool `json:"typed"`
	// Also answer with what the strict reader says about each document.
	Strict bool `json:"strict"`
	// Also answer with each document as it is written.
	Marshal bool `json:"marshal"`
	// Do not split the text: read it as sigs.k8s.io/yaml alone does, as Helm reads values.
	Single bool `json:"single"`
}

type document struct {
	JSON json.RawMessage `json:"json,omitempty"`
	// Set when this document cannot be read.
	Error string `json:"error,omitempty"`
	// Set when only the strict reader refuses it (a duplicate key).
	StrictError string `json:"strict_error,omitempty"`
	Typed       any    `json:"typed,omitempty"`
	// The document as encoding/json and sigs.k8s.io/yaml write it.
	TextJSON  string `json:"text_json,omitempty"`
	TextYAML  string `json:"text_yaml,omitempty"`
	YAMLError string `json:"yaml_error,omitempty"`
}

type answer struct {
	Documents []document `json:"documents"`
	// The stream starts with "{", so kubectl reads it as JSON as far as it can.
	// Then numbers are as written, there is no typed tree and no strict error,
	// and nothing after the first error.
	SniffedJSON bool   `json:"sniffed_json,omitempty"`
	Error       string `json:"error,omitempty"`
}

func main() {
	log.SetOutput(os.Stderr)
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
			// A caller that asks one by one must get its answer at once.
			if in.Buffered() == 0 {
				out.Flush()
			}
		}
		if err == io.EOF {
			out.Flush()
			return
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}

func respond(line []byte) (result answer) {
	result.Documents = []document{}
	defer func() {
		if cause := recover(); cause != nil {
			debug.PrintStack()
			result = answer{Documents: []document{}, Error: fmt.Sprintf("panic: %v", cause)}
		}
	}()
	var req request
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&req); err != nil {
		result.Error = "bad request: " + err.Error()
		return result
	}
	var input []byte
	switch {
	case req.Text != nil:
		input = []byte(*req.Text)
	case req.Bytes != nil:
		input = *req.Bytes
	default:
		var err error
		if input, err = os.ReadFile(req.Path); err != nil {
			result.Error = err.Error()
			return result
		}
	}
	if req.Single {
		result.Documents = append(result.Documents, one(input, req))
		return result
	}
	read(input, req, &result)
	return result
}

// kubectl's builder peeks at this many bytes to tell JSON from YAML.
const guessSize = 4096

func read(input []byte, req request, result *answer) {
	if _, _, maybe := k8syaml.GuessJSONStream(bytes.NewReader(input), guessSize); maybe {
		result.SniffedJSON = true
		result.Documents = sniffed(input)
		return
	}
	// kubectl stops at the first document with an error. Here the reader goes
	// on, so that a caller can compare the other documents as well.
	reader := k8syaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(input)))
	for {
		text, err := reader.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			result.Documents = append(result.Documents, document{Error: err.Error()})
			continue
		}
		result.Documents = append(result.Documents, one(text, req))
	}
}

func one(text []byte, req request) (result document) {
	defer func() {
		if cause := recover(); cause != nil {
			result = document{Error: fmt.Sprintf("panic: %v", cause)}
		}
	}()
	value, err := yaml.YAMLToJSON(text)
	if err != nil {
		result.Error = err.Error()
	} else {
		result.JSON = value
	}
	if req.Strict && err == nil {
		if _, err := yaml.YAMLToJSONStrict(text); err != nil {
			result.StrictError = err.Error()
		}
	}
	if req.Marshal && err == nil {
		marshal(value, &result)
	}
	if req.Typed {
		var tree any
		if err := goyaml.Unmarshal(text, &tree); err == nil {
			result.Typed = typed(tree)
		}
	}
	return result
}

// sniffed reads a stream whose first character is "{": JSON values one after
// another, with a change to YAML where that fails early on. It stops at the
// first error.
func sniffed(input []byte) []document {
	result := []document{}
	decoder := k8syaml.NewYAMLOrJSONDecoder(bytes.NewReader(input), guessSize)
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return result
		}
		if err != nil {
			return append(result, document{Error: err.Error()})
		}
		if value == nil {
			value = json.RawMessage("null")
		}
		result = append(result, document{JSON: value, TextJSON: string(value)})
	}
}

// typed shows the types that go-yaml found, which JSON does not (1.0 and 1 are
// both 1 there). Null, booleans and strings are themselves; an integer is
// {"int": "1"}, a float {"float": "1"}, a sequence a list, and a mapping
// {"map": [[key, value], …]}, sorted.
func typed(value any) any {
	switch value := value.(type) {
	case nil, bool, string:
		return value
	case int:
		return map[string]string{"int": strconv.Itoa(value)}
	case int64:
		return map[string]string{"int": strconv.FormatInt(value, 10)}
	case uint64:
		return map[string]string{"int": strconv.FormatUint(value, 10)}
	case float64:
		return map[string]string{"float": strconv.FormatFloat(value, 'g', -1, 64)}
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = typed(value[i])
		}
		return list
	case map[any]any:
		type entry struct {
			key  string
			pair [2]any
		}
		entries := make([]entry, 0, len(value))
		for key, item := range value {
			name := typed(key)
			text, _ := json.Marshal(name)
			entries = append(entries, entry{string(text), [2]any{name, typed(item)}})
		}
		sort.Slice(entries, func(a, b int) bool { return entries[a].key < entries[b].key })
		pairs := make([][2]any, len(entries))
		for i := range entries {
			pairs[i] = entries[i].pair
		}
		return map[string]any{"map": pairs}
	default:
		return map[string]string{"other": fmt.Sprintf("%T", value)}
	}
}
