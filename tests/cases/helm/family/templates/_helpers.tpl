{{- define "family.labels" -}}
app: {{ .Chart.Name | quote }}
release: {{ .Release.Name }}
{{- end }}
{{- define "who" }}top{{ end }}
{{- define "child.overridable" }}overridden by the top{{ end }}
{{- define "list" -}}
{{- range $i, $x := . }}
- {{ $i }}: {{ $x }}
{{- end }}
{{- end }}
