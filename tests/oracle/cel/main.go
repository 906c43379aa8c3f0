// The judge for expressions of admission policies: cel-go with the API server's own
// environment. Reads a line of JSON for each expression and answers with a line of JSON.
//
//	{"expression": "object.a + 1 == 2", "object": {"a": 1}}
//	{"value": true}    {"compile": "…"}    {"error": "…"}
//
// `value` is what the expression gives, as JSON where JSON has it and as a text otherwise.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

type question struct {
	Expression string          `json:"expression"`
	Object     json.RawMessage `json:"object"`
}

type answer struct {
	Value   json.RawMessage `json:"value,omitempty"`
	Compile string          `json:"compile,omitempty"`
	Error   string          `json:"error,omitempty"`
}

func main() {
	set, err := environment.MustBaseEnvSet(version.MajorMinor(1, 37)).Extend(
		environment.VersionedOptions{
			IntroducedVersion: version.MajorMinor(1, 0),
			EnvOptions:        []cel.EnvOption{cel.Variable("object", cel.DynType)},
		})
	if err != nil {
		fail(err)
	}
	env, err := set.Env(environment.NewExpressions)
	if err != nil {
		fail(err)
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fail(err)
		}
		line, err := json.Marshal(judge(env, q))
		if err != nil {
			fail(err)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
}

// jsonValue asks a value for its JSON form.
var jsonValue = reflect.TypeOf(&structpb.Value{})

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func judge(env *cel.Env, q question) answer {
	ast, issues := env.Compile(q.Expression)
	if issues.Err() != nil {
		return answer{Compile: issues.Err().Error()}
	}
	program, err := env.Program(ast)
	if err != nil {
		return answer{Compile: err.Error()}
	}
	var object any
	if len(q.Object) > 0 {
		wrapped := unstructured.Unstructured{}
		text := append(append([]byte(`{"apiVersion":"v1","kind":"X","object":`), q.Object...), '}')
		if err := wrapped.UnmarshalJSON(text); err != nil {
			fail(err)
		}
		object = wrapped.Object["object"]
	}
	value, _, err := program.Eval(map[string]any{"object": object})
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: shown(value)}
}

// JSON where there is one, a text otherwise.
func shown(value ref.Val) json.RawMessage {
	if native, err := value.ConvertToNative(jsonValue); err == nil {
		if text, err := protojson.Marshal(native.(*structpb.Value)); err == nil {
			var plain any
			if json.Unmarshal(text, &plain) == nil {
				if text, err := json.Marshal(plain); err == nil {
					return text
				}
			}
		}
	}
	if ip, ok := value.(apiservercel.IP); ok {
		return quoted(ip.Addr.String())
	}
	return quoted(fmt.Sprintf("%s", value.Type().TypeName()))
}

func quoted(text string) json.RawMessage {
	encoded, _ := json.Marshal(text)
	return encoded
}
