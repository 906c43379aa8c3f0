package main

import "sigs.k8s.io/yaml"

// marshal shows a document as it is written. yaml.Marshal goes through JSON: what
// it does after that is JSONToYAML, which fails for some strings.
func marshal(value []byte, result *document) {
	result.TextJSON = string(value)
	text, err := yaml.JSONToYAML(value)
	if err != nil {
		result.YAMLError = err.Error()
		return
	}
	result.TextYAML = string(text)
}
