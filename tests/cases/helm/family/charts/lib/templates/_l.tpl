{{- define "lib.labels" -}}
lib: {{ .Chart.Name }}
{{- end }}
