{{- define "who" }}child{{ end }}{{ define "child.overridable" }}child{{ end }}
